import axios from "axios";
import type { Problem } from "@/api/types";

/** An error the shopper can be told about: what happened, whether trying again helps, and the id to quote. */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** Leads staff to all that the request caused; empty where it never reached the shop. */
  readonly traceId: string;

  constructor(problem: Problem, traceId = "") {
    super(problem.detail || problem.title);
    this.name = "ProblemError";
    this.problem = problem;
    this.traceId = traceId;
  }

  get isRetryable(): boolean {
    const { status } = this.problem;
    return status === 0 || status === 429 || status >= 500;
  }

  fieldMessage(field: string): string | undefined {
    return this.problem.errors?.find((error) => error.field === field || error.field.endsWith(`.${field}`))
      ?.message;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "title" in body && "status" in body;
}

function plain(status: number, requestId: string): Problem {
  const known: Record<number, [string, string]> = {
    0: ["We could not reach the shop", "Check your connection, then try again."],
    404: ["We could not find that", "It may have moved or sold through."],
    429: ["That was a little fast", "Wait a moment, then try again."],
  };
  const [title, detail] = known[status] ?? ["Something went wrong on our side", "Try again in a moment."];
  return { type: "about:blank", title, status, detail, reason: "", request_id: requestId };
}

/** Turn whatever was thrown into a ProblemError. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (axios.isAxiosError(error)) {
    const body: unknown = error.response?.data;
    const header = (name: string): string => {
      const value: unknown = error.response?.headers[name];
      return typeof value === "string" ? value : "";
    };
    return new ProblemError(
      isProblem(body) ? body : plain(error.response?.status ?? 0, header("x-request-id")),
      header("x-trace-id"),
    );
  }
  return new ProblemError(plain(error instanceof TypeError ? 0 : 500, ""));
}

/** Turn a fetch response that is not ok into a ProblemError. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const body: unknown = await response.json().catch(() => null);
  return new ProblemError(
    isProblem(body) ? body : plain(response.status, response.headers.get("x-request-id") ?? ""),
    response.headers.get("x-trace-id") ?? "",
  );
}
