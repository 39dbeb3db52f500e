import { cx } from "@/lib/class-names";

export const SPANS = [7, 30, 90];

interface SpanPickerProps {
  days: number;
  onDays: (days: number) => void;
}

/** Chooses how many days until now a page looks at. */
export function SpanPicker({ days, onDays }: SpanPickerProps) {
  return (
    <div aria-label="Time span" className="flex w-fit rounded-full bg-sunk p-1" role="group">
      {SPANS.map((span) => (
        <button
          aria-pressed={span === days}
          className={cx(
            "h-8 rounded-full px-4 text-xs transition-colors",
            span === days ? "bg-surface font-medium shadow-lift" : "text-muted hover:text-ink",
          )}
          key={span}
          onClick={() => onDays(span)}
          type="button"
        >
          {span} days
        </button>
      ))}
    </div>
  );
}
