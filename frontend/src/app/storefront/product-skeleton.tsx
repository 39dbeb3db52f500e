import { Skeleton } from "@/components/ui/skeleton";

export function ProductSkeleton() {
  return (
    <div aria-busy="true" className="page grid gap-x-12 gap-y-8 pt-6 @3xl:grid-cols-[7fr_5fr] @5xl:gap-x-18">
      <span className="sr-only">Loading</span>
      <div>
        <Skeleton className="mb-3 h-5 w-40" />
        <Skeleton className="aspect-square w-full rounded-lg @3xl:aspect-[6/5]" />
      </div>
      <div className="space-y-6 @3xl:pt-9">
        <Skeleton className="h-5 w-24" />
        <Skeleton className="h-12 w-4/5" />
        <Skeleton className="h-6 w-full" />
        <Skeleton className="h-48 w-full" />
        <Skeleton className="h-40 w-full rounded-md" />
      </div>
    </div>
  );
}
