import type { Aspect } from "@/api/types";
import { labelOf } from "@/lib/format";

interface AspectListProps {
  aspects: Aspect[];
  onOpenReview: (reviewId: string) => void;
}

/** What people talk about, how they feel about it, and one of them in their own words. */
export function AspectList({ aspects, onOpenReview }: AspectListProps) {
  // One sentence can be about two things; it is quoted below the first of them only.
  const quotes = aspects.map((aspect) => aspect.quote);
  return (
    <section aria-label="What reviewers talk about">
      <ul className="grid gap-x-12 gap-y-8 @2xl:grid-cols-2">
        {aspects.map((aspect, index) => (
          <AspectView
            aspect={aspect}
            key={aspect.aspect}
            onOpenReview={onOpenReview}
            quotes={quotes.indexOf(aspect.quote) === index}
          />
        ))}
      </ul>
    </section>
  );
}

interface AspectViewProps extends Pick<AspectListProps, "onOpenReview"> {
  aspect: Aspect;
  quotes: boolean;
}

function AspectView({ aspect, quotes, onOpenReview }: AspectViewProps) {
  const total = aspect.positive_count + aspect.negative_count;
  const share = total === 0 ? 0 : aspect.positive_count / total;
  return (
    <li>
      <div className="flex items-baseline justify-between gap-4">
        <h3 className="font-semibold">{labelOf(aspect.aspect)}</h3>
        <p className="figures text-xs text-muted">
          {aspect.positive_count} of {total} pleased
        </p>
      </div>
      <div aria-hidden="true" className="mt-2 flex h-1 gap-0.5 overflow-hidden rounded-full">
        <span className="bg-moss" style={{ width: `${String(share * 100)}%` }} />
        <span className="flex-1 bg-line" />
      </div>
      {quotes && aspect.quote && (
        <button
          className="mt-3 block text-left font-display leading-snug text-muted italic transition-colors hover:text-ink"
          onClick={() => onOpenReview(aspect.review_id)}
          type="button"
        >
          “{aspect.quote}”<span className="sr-only"> Read the whole review</span>
        </button>
      )}
    </li>
  );
}
