import { useMemo, useState, type ReactNode } from "react";
import type { Finding } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { DegradedNote, ErrorNote } from "@/components/ui/notes";
import { markFindings } from "@/features/copywriting/hooks/mark-findings";
import type { Draft } from "@/features/copywriting/hooks/use-draft";
import { cx } from "@/lib/class-names";
import { plural } from "@/lib/format";

interface DraftPaneProps {
  draft: Draft;
  current: string;
  publishing: boolean;
  onEdit: (text: string) => void;
  onPublish: () => void;
  onDiscard: () => void;
}

/** The sheet the words appear on, with remarks in its margin. */
export function DraftPane({ draft, current, publishing, onEdit, onPublish, onDiscard }: DraftPaneProps) {
  const [editing, setEditing] = useState(false);
  const words = draft.text.split(/\s+/).filter(Boolean).length;
  const finished = draft.state === "done" || draft.state === "stopped";
  return (
    <div className="grid gap-6 @4xl:sticky @4xl:top-20 @5xl:grid-cols-[minmax(0,1fr)_260px]">
      <div className="flex min-h-[420px] flex-col rounded-md bg-surface p-6 shadow-lift @3xl:p-8">
        <div className="flex items-baseline justify-between gap-4">
          <h2 className="font-semibold">{draft.state === "empty" ? "On the page now" : "Draft"}</h2>
          <p aria-live="polite" className="figures text-xs text-muted">
            {draft.state === "writing" ? "Writing" : draft.text ? plural(words, "word", "words") : ""}
          </p>
        </div>
        <div className="mt-4 flex-1 font-display text-lg leading-relaxed" data-testid="copy-draft">
          {draft.state === "empty" ? (
            <p className="whitespace-pre-line text-muted">{current || "Nothing is written about it yet."}</p>
          ) : editing ? (
            <textarea
              aria-label="Draft"
              className="field-sizing-content min-h-64 w-full resize-none rounded-sm bg-transparent outline-offset-8"
              onChange={(event) => onEdit(event.target.value)}
              value={draft.text}
            />
          ) : (
            <MarkedText findings={draft.findings} text={draft.text} writing={draft.state === "writing"} />
          )}
        </div>
        {draft.state === "failed" && <ErrorNote className="mt-4 p-4!" error={draft.error} />}
        {draft.degraded.length > 0 && (
          <div className="mt-4">
            <DegradedNote>
              Put together from the facts by rule: no language model that writes well enough is at hand.
            </DegradedNote>
          </div>
        )}
        {finished && draft.text && (
          <div className="mt-6 flex flex-wrap items-center gap-3">
            <Button busy={publishing} onClick={onPublish} tone="ember">
              Publish description
            </Button>
            <Button onClick={() => setEditing(!editing)}>{editing ? "Read" : "Edit"}</Button>
            <Button onClick={onDiscard} tone="quiet">
              Discard
            </Button>
            {draft.model && <p className="ml-auto text-xs text-muted">Written by {draft.model}</p>}
          </div>
        )}
      </div>
      <Margin draft={draft} />
    </div>
  );
}

function MarkedText({ text, findings, writing }: { text: string; findings: Finding[]; writing: boolean }) {
  const parts = useMemo(() => markFindings(text, findings), [text, findings]);
  return (
    <p className="whitespace-pre-line">
      {parts.map((part, index): ReactNode =>
        part.finding === null ? (
          <span key={index}>{part.text}</span>
        ) : (
          <mark
            className="bg-transparent text-ink underline decoration-brick decoration-wavy decoration-1 underline-offset-4"
            key={index}
          >
            {part.text}
            <sup className="ml-0.5 font-sans text-[11px] font-semibold text-brick-ink">
              {part.finding + 1}
            </sup>
          </mark>
        ),
      )}
      {writing && (
        <span aria-hidden="true" className="skeleton ml-0.5 inline-block h-5 w-0.5 translate-y-1 bg-ember!" />
      )}
    </p>
  );
}

function Margin({ draft }: { draft: Draft }) {
  const clean = draft.state === "done" && draft.findings.length === 0;
  return (
    <aside aria-label="Findings" aria-live="polite">
      <h2 className="text-xs font-medium text-muted">In the margin</h2>
      {draft.findings.length === 0 && (
        <p className={cx("mt-3", clean ? "text-moss-ink" : "text-muted")}>
          {clean
            ? "Nothing to object to. It keeps to the facts."
            : "Remarks on what breaks a rule appear here."}
        </p>
      )}
      <ol className="mt-3 space-y-4">
        {draft.findings.map((finding, index) => (
          <li
            className="flex animate-rise gap-3 border-t border-line pt-3"
            key={`${finding.rule}-${finding.excerpt}`}
          >
            <span className="figures text-xs font-semibold text-brick-ink">{index + 1}</span>
            <div>
              <p>{finding.message}</p>
              {finding.excerpt && (
                <p className="mt-1 font-display text-xs text-muted italic">“{finding.excerpt}”</p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </aside>
  );
}
