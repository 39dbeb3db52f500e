import { useQuery } from "@tanstack/react-query";
import type { CSSProperties } from "react";
import { Link } from "react-router";
import { AsyncView } from "@/components/ui/async-view";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { categoriesQuery } from "@/features/catalog/api/list-categories";
import { tintOf } from "@/lib/format";

/** The departments as a shop directory: names in large type, each with how much is on its floor. */
export function DepartmentIndex() {
  const query = useQuery(categoriesQuery);
  return (
    <section aria-labelledby="departments" className="page grid gap-6 @4xl:grid-cols-[200px_1fr] @4xl:gap-12">
      <div>
        <h2 className="font-semibold" id="departments">
          Departments
        </h2>
        <p className="mt-1 max-w-[30ch] text-muted">Every floor of the house, and how much stands on it.</p>
      </div>
      <AsyncView query={query} skeleton={<Skeleton className="h-40" />}>
        {(categories) => (
          <ul className="flex flex-wrap gap-x-4 gap-y-2 @3xl:gap-x-8 @3xl:gap-y-3">
            {categories.map((category) => (
              <li key={category.id}>
                <Link
                  className="department display text-lg @3xl:text-2xl"
                  style={{ "--ground": tintOf(category.tint) } as CSSProperties}
                  title={category.blurb}
                  to={pages.category(category.id)}
                >
                  {category.title}
                  <sup className="figures ml-1 font-sans text-xs font-normal tracking-normal text-muted">
                    {category.product_count}
                  </sup>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </AsyncView>
    </section>
  );
}
