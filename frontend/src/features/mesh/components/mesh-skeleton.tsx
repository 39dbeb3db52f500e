import { Skeleton } from "@/components/ui/skeleton";

export function MeshSkeleton() {
  return (
    <div>
      <Skeleton className="h-16 w-full max-w-xl" />
      <div className="mt-6 mb-8 border-b border-line pb-3">
        <Skeleton className="h-6 w-64" />
      </div>
      <div className="space-y-3">
        {Array.from({ length: 7 }, (_, index) => (
          <Skeleton className="h-16 w-full" key={index} />
        ))}
      </div>
    </div>
  );
}
