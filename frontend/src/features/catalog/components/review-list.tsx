import type { Review } from "@/api/types";
import { Stars } from "@/components/ui/stars";
import { formatDate } from "@/lib/format";

export function ReviewList({ reviews }: { reviews: Review[] }) {
  return (
    <ul>
      {reviews.map((review) => (
        <li
          className="border-t border-line py-6 outline-offset-4 transition-colors target:bg-ember-wash focus:bg-ember-wash focus:outline-none"
          id={`review-${review.id}`}
          key={review.id}
          tabIndex={-1}
        >
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <Stars value={review.rating} />
            <h3 className="font-semibold">{review.title}</h3>
          </div>
          <p className="measure mt-2">{review.body}</p>
          <p className="mt-2 text-xs text-muted">
            {review.author}, {formatDate(review.create_time)}
            {review.verified_purchase && " · bought here"}
          </p>
        </li>
      ))}
    </ul>
  );
}
