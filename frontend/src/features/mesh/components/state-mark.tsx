import type { Tone } from "@/features/mesh/hooks/mesh-values";
import { cx } from "@/lib/class-names";

const LOOKS: Record<Tone, [dot: string, words: string]> = {
  good: ["bg-moss", "text-moss-ink"],
  bad: ["bg-brick", "text-brick-ink"],
  unsure: ["border border-line-strong", "text-muted"],
};

/** A dot and what it stands for. */
export function StateMark({ tone, children }: { tone: Tone; children: string }) {
  const [dot, words] = LOOKS[tone];
  return (
    <span className={cx("inline-flex items-center gap-2 text-xs font-medium whitespace-nowrap", words)}>
      <span aria-hidden="true" className={cx("size-2 shrink-0 rounded-full", dot)} />
      {children}
    </span>
  );
}
