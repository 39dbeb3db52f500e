import { useQuery } from "@tanstack/react-query";
import type { CSSProperties } from "react";
import { useParams } from "react-router";
import { DepartmentScene } from "@/app/storefront/department-scene";
import { Listing } from "@/app/storefront/listing";
import { NotFoundPage } from "@/app/storefront/pages/not-found-page";
import { ButtonLink } from "@/components/ui/button";
import { EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { categoriesQuery } from "@/features/catalog/api/list-categories";
import { tintOf } from "@/lib/format";
import { useDocumentTitle } from "@/lib/use-document-title";

export function CategoryPage() {
  const { category: id = "" } = useParams();
  const { data } = useQuery(categoriesQuery);
  const category = data?.find((each) => each.id === id);
  useDocumentTitle(category?.title);
  if (data && !category) return <NotFoundPage />;
  return (
    <Listing
      category={id}
      empty={
        <EmptyNote title="This floor is being laid out">
          <p>Nothing stands here yet. The other departments are open.</p>
          <ButtonLink className="mt-6" to={pages.home()}>
            See the departments
          </ButtonLink>
        </EmptyNote>
      }
      head={() => (
        <div
          className="relative overflow-hidden rounded-lg bg-(--ground) px-6 py-8 @3xl:min-h-52 @3xl:px-12 @3xl:py-12"
          style={{ "--ground": tintOf(category?.tint) } as CSSProperties}
        >
          <DepartmentScene
            className="absolute! inset-0 hidden @3xl:block"
            ground={tintOf(category?.tint)}
            id={id}
          />
          {category ? (
            <div className="relative @3xl:max-w-[58%]">
              <h1 className="display text-2xl @3xl:text-3xl">{category.title}</h1>
              <p className="mt-2 max-w-[52ch] text-base">{category.blurb}</p>
            </div>
          ) : (
            <Skeleton className="h-20 w-1/2 bg-transparent!" />
          )}
        </div>
      )}
      hide={["category"]}
      key={id}
      placement="category"
    />
  );
}
