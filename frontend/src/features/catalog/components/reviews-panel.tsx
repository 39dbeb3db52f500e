import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "@/components/ui/button";
import { EmptyNote, ErrorNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { reviewPagesQuery } from "@/features/catalog/api/list-reviews";
import { AspectList } from "@/features/catalog/components/aspect-list";
import { ReviewList } from "@/features/catalog/components/review-list";
import { StarCounts } from "@/features/catalog/components/star-counts";

const LOOK_THROUGH_AT_MOST = 12;
const FRAMES_TO_DRAW = 10;

/** The element of that id as soon as it is on the page; null when it is not after a few frames. */
async function drawn(id: string): Promise<HTMLElement | null> {
  for (let frame = 0; frame < FRAMES_TO_DRAW; frame += 1) {
    const element = document.getElementById(id);
    if (element) return element;
    await new Promise(requestAnimationFrame);
  }
  return null;
}

/** What reviewers say: the stars, the things they talk about, and then their own words. */
export function ReviewsPanel({ productId }: { productId: string }) {
  const query = useInfiniteQuery(reviewPagesQuery(productId));
  const first = query.data?.pages[0];

  /** Bring a quoted review into view, fetching further pages until it is there. */
  const openReview = async (reviewId: string) => {
    let element = document.getElementById(`review-${reviewId}`);
    let more = query.hasNextPage;
    for (let step = 0; !element && more && step < LOOK_THROUGH_AT_MOST; step += 1) {
      more = (await query.fetchNextPage()).hasNextPage;
      element = await drawn(`review-${reviewId}`);
    }
    element?.scrollIntoView({ behavior: "smooth", block: "center" });
    element?.focus({ preventScroll: true });
  };

  if (!first) {
    if (query.error) return <ErrorNote error={query.error} onRetry={() => void query.refetch()} />;
    return <ReviewsSkeleton />;
  }
  if (first.rating.review_count === 0) {
    return (
      <EmptyNote title="No reviews yet">
        <p>Nobody has written about this one. The facts above are all we know so far.</p>
      </EmptyNote>
    );
  }
  const reviews = query.data?.pages.flatMap((page) => page.reviews) ?? [];
  return (
    <div className="grid gap-12 @4xl:grid-cols-[300px_minmax(0,1fr)] @4xl:gap-18">
      <div className="space-y-8">
        <StarCounts
          average={first.rating.average}
          count={first.rating.review_count}
          counts={first.star_counts}
        />
      </div>
      <div className="space-y-12">
        {first.aspects.length > 0 && (
          <AspectList aspects={first.aspects} onOpenReview={(reviewId) => void openReview(reviewId)} />
        )}
        <ReviewList reviews={reviews} />
        {query.hasNextPage && (
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more reviews
          </Button>
        )}
      </div>
    </div>
  );
}

function ReviewsSkeleton() {
  return (
    <div aria-busy="true" className="grid gap-12 @4xl:grid-cols-[300px_minmax(0,1fr)] @4xl:gap-18">
      <Skeleton className="h-48" />
      <div className="space-y-4">
        {[0, 1, 2].map((row) => (
          <Skeleton className="h-24" key={row} />
        ))}
      </div>
    </div>
  );
}
