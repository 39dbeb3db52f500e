import type { ApiKey, Budget, NewBudget } from "@/api/staff-types";
import { keyLabel, lastPart } from "@/features/gateway/hooks/usage-values";
import { formatMicros, formatNumber, labelOf, parseMicros } from "@/lib/format";
import { tenantName, TENANT_RULE } from "@/features/gateway/hooks/tenants";

export type SubjectKind = Budget["subject_kind"];

/** One of a kind, and each of it. */
export const SUBJECTS: Record<SubjectKind, [one: string, each: string]> = {
  tenant: ["Tenant", "Each tenant"],
  use_case: ["Use case", "Each use case"],
  user: ["User", "Each user"],
  api_key: ["Key", "Each key"],
};

export const WINDOWS: Record<Budget["window"], string> = { minute: "a minute", month: "a month" };

/** Stands for each of a kind that has no budget of its own. */
export const EACH = "*";

export function subjectLabel({ subject_kind: kind, subject }: NewBudget, keys: ApiKey[] = []): string {
  if (subject === EACH) return SUBJECTS[kind][1];
  if (kind === "use_case") return labelOf(subject);
  const id = kind === "user" ? subject : lastPart(subject);
  const key = kind === "api_key" ? keys.find((each) => each.id === id) : undefined;
  return key ? keyLabel(key) : id;
}

/** "$10.00 a month" and "5,000 tokens a month", for those that are limited. */
export function limitTexts({ micros, tokens, window }: NewBudget): string[] {
  const isLimit = (value: number | null | undefined): value is number => typeof value === "number";
  return [
    ...(isLimit(micros) ? [`${formatMicros(micros)} ${WINDOWS[window]}`] : []),
    ...(isLimit(tokens) ? [`${formatNumber(tokens)} tokens ${WINDOWS[window]}`] : []),
  ];
}

export interface BudgetMistakes {
  subject?: string;
  micros?: string;
  tokens?: string;
  /** Of the form as a whole. */
  form?: string;
}

const MOST = 10 ** 12;

/** "1,000,000" and "1 000" -> a number; "1.5" is none. */
function parseCount(text: string): number | null {
  const cleaned = text.replace(/\s/g, "");
  return /^\d+$|^\d{1,3}(,\d{3})+$/.test(cleaned) ? Number(cleaned.replaceAll(",", "")) : null;
}

function subjectName(kind: SubjectKind, text: string): string | null {
  if (kind === "tenant") return tenantName(text);
  if (kind === "api_key") return text ? `apiKeys/${lastPart(text)}` : null;
  return text || null;
}

/** Reads the form, or says what is wrong with it: a budget without any limit is none. */
export function readBudget(form: FormData): { budget: NewBudget } | { mistakes: BudgetMistakes } {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const kind = text("kind") as SubjectKind;
  const subject = text("scope") === EACH ? EACH : subjectName(kind, text("subject"));
  const micros = text("dollars") ? parseMicros(text("dollars")) : undefined;
  const tokens = text("tokens") ? parseCount(text("tokens")) : undefined;
  const mistakes: BudgetMistakes = {};
  if (subject === null)
    mistakes.subject = kind === "tenant" && text("subject") ? TENANT_RULE : "Say whose it is";
  if (micros === null || (micros ?? 0) > MOST) {
    mistakes.micros = "An amount such as 25.00, a million dollars at most";
  }
  if (tokens === null || (tokens ?? 0) > MOST) mistakes.tokens = "A whole number, 0 or more";
  if (micros === undefined && tokens === undefined)
    mistakes.form = "Set a limit in dollars, in tokens or both";
  if (subject === null || micros === null || tokens === null || Object.keys(mistakes).length > 0)
    return { mistakes };
  return {
    budget: {
      subject_kind: kind,
      subject,
      window: text("window") as Budget["window"],
      ...(micros === undefined ? {} : { micros }),
      ...(tokens === undefined ? {} : { tokens }),
    },
  };
}
