import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { toProblem } from "@/lib/problem";
import { cx } from "@/lib/class-names";

interface ErrorNoteProps {
  error: unknown;
  onRetry?: () => void;
  className?: string;
}

/** What happened, what to do, and the id to quote. */
export function ErrorNote({ error, onRetry, className }: ErrorNoteProps) {
  const { problem, traceId } = toProblem(error);
  return (
    <div className={cx("rounded-md bg-brick-wash p-6", className)} role="alert">
      <p className="font-semibold">{problem.title}</p>
      <p className="mt-1 text-muted">{problem.detail}</p>
      <div className="mt-4 flex flex-wrap items-center gap-4">
        {onRetry && (
          <Button onClick={onRetry} size="small">
            <Icon name="retry" size={16} />
            Try again
          </Button>
        )}
        {problem.request_id && <p className="text-xs text-muted">Request id {problem.request_id}</p>}
        {traceId && <p className="text-xs wrap-anywhere text-muted">Trace id {traceId}</p>}
      </div>
    </div>
  );
}

interface EmptyNoteProps {
  title: string;
  children?: ReactNode;
  picture?: string;
  className?: string;
  /** `h1` when the note is all there is on the page. */
  heading?: "h1" | "p";
}

/** Nothing here yet, and what to do about it. */
export function EmptyNote({ title, children, picture, className, heading: Heading = "p" }: EmptyNoteProps) {
  return (
    <div className={cx("flex flex-col items-center px-6 py-12 text-center", className)}>
      {picture && (
        <div className="prop relative! inset-auto! w-28! translate-none!">
          <img alt="" height={112} src={picture} width={112} />
        </div>
      )}
      <Heading className="display mt-6 text-xl">{title}</Heading>
      {children && <div className="mt-2 max-w-[42ch] text-muted">{children}</div>}
    </div>
  );
}

/** A quiet line that says what is missing while the rest works. */
export function DegradedNote({ children }: { children: ReactNode }) {
  return <p className="rounded-sm bg-sunk px-3 py-2 text-xs text-muted">{children}</p>;
}
