import { useState } from "react";
import type { Applied, Delivery, DeliveryFile } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { TextField } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/notes";
import { ChangeList } from "@/features/mesh/components/change-list";
import { ConflictNote } from "@/features/mesh/components/conflict-note";
import { useApplyDelivery, useCheckDelivery } from "@/features/mesh/hooks/use-delivery";
import { toProblem } from "@/lib/problem";
import { showToast } from "@/lib/toast";

const EXAMPLE = `services:
  product:
    weights: {stable: 95, v2: 5}
    rules: [{header: x-aisle-subject, value: users/anna, version: v2}]
    shadow: {version: v3, percent: 10}
    fault: {delay: {seconds: 0.5, percent: 10}}
    max_calls: 200`;

/** Write, see what would change, apply: what was not looked at is not applied. */
export function DeliveryEditor({ delivery }: { delivery: Delivery }) {
  // Begun from the file as it then was; nothing while it is as it is.
  const [draft, setDraft] = useState<DeliveryFile | null>(null);
  const check = useCheckDelivery();
  const apply = useApplyDelivery();
  const text = draft?.text ?? delivery.text;
  const problem = toProblemOf(check.error ?? apply.error);
  const isStale =
    draft !== null && (draft.etag !== delivery.etag || problem?.problem.reason === "DELIVERY_CHANGED");
  const checked = check.data && check.variables.text === text && !isStale ? check.data : undefined;
  const mistake = problem?.fieldMessage("text");

  const forget = () => {
    check.reset();
    apply.reset();
  };
  const write = (written: string) => {
    setDraft({ text: written, etag: draft?.etag ?? delivery.etag });
    forget();
  };
  const ask = (etag: string) => {
    apply.reset();
    if (draft) setDraft({ ...draft, etag });
    check.mutate({ text, etag });
  };
  const startOver = () => {
    setDraft(null);
    forget();
  };
  const carryOut = () =>
    apply.mutate(draft ?? { text, etag: delivery.etag }, {
      onSuccess: ({ changes }) => {
        startOver();
        showToast({
          text: changes.length > 0 ? "Applied. Proxies follow within seconds" : "The file is kept",
        });
      },
    });

  return (
    <div className="grid items-start gap-x-12 gap-y-8 @4xl:grid-cols-2">
      <div className="space-y-4">
        <TextField
          autoCapitalize="off"
          autoComplete="off"
          autoCorrect="off"
          className="min-h-80 resize-y font-mono text-xs leading-5"
          error={mistake}
          hint="YAML. An empty file sends all calls to the stable versions."
          label="Delivery file"
          onChange={(event) => write(event.target.value)}
          placeholder={EXAMPLE}
          rows={16}
          spellCheck={false}
          value={text}
        />
        {isStale && (
          <ConflictNote
            busy={check.isPending}
            onKeepMine={() => ask(delivery.etag)}
            onTakeTheirs={startOver}
            theirs={delivery.text}
          />
        )}
        {problem && !mistake && !isStale && <ErrorNote className="p-4!" error={problem} />}
        {!isStale && (
          <div className="flex flex-wrap gap-3">
            <Button
              busy={check.isPending}
              disabled={text === delivery.text}
              onClick={() => ask(draft?.etag ?? delivery.etag)}
              tone="ink"
            >
              What would change
            </Button>
            {draft && (
              <Button onClick={startOver} tone="quiet">
                Start over
              </Button>
            )}
          </div>
        )}
      </div>
      <section aria-label="What would change" aria-live="polite">
        {checked ? (
          <Checked busy={apply.isPending} checked={checked} onApply={carryOut} />
        ) : (
          <Steps isChanged={text !== delivery.text} />
        )}
      </section>
    </div>
  );
}

const toProblemOf = (error: Error | null) => (error ? toProblem(error) : undefined);

function Checked({ checked, busy, onApply }: { checked: Applied; busy: boolean; onApply: () => void }) {
  return (
    <div className="space-y-4">
      <h2 className="font-semibold">What would change</h2>
      {checked.differences.length > 0 ? (
        <ChangeList changes={checked.differences} />
      ) : (
        <p className="text-muted">Nothing for calls: only the wording of the file.</p>
      )}
      {checked.problems.length > 0 && (
        <ul className="space-y-1 text-sm wrap-anywhere text-brick-ink">
          {checked.problems.map((problem) => (
            <li key={problem}>{problem}: it waits until there is one.</li>
          ))}
        </ul>
      )}
      <Button busy={busy} onClick={onApply} tone="ember">
        Apply
      </Button>
    </div>
  );
}

function Steps({ isChanged }: { isChanged: boolean }) {
  return (
    <div className="max-w-[52ch] space-y-3 text-muted">
      <h2 className="font-semibold text-ink">{isChanged ? "Not applied yet" : "How calls are spread"}</h2>
      <p>
        {isChanged
          ? "See what would change before it does."
          : "Edit the file, see what would change, then apply it. Proxies follow within seconds."}
      </p>
      <dl className="space-y-2 text-sm">
        {WORDS.map(([word, meaning]) => (
          <div key={word}>
            <dt className="inline font-mono text-xs text-ink">{word}</dt>
            <dd className="inline"> {meaning}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

const WORDS = [
  ["weights", "give each version its share of the calls."],
  ["rules", "send calls with a certain header to one version, whatever the weights say."],
  ["shadow", "copies calls without effects to a version; its answers are dropped."],
  ["fault", "makes calls late or fail, on purpose."],
  ["max_calls", "says how many may run at once for each version."],
] as const;
