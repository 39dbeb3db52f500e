import type { CSSProperties } from "react";
import { Link } from "react-router";
import { useQuery } from "@tanstack/react-query";
import { ButtonLink } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { Scene } from "@/components/ui/scene";
import { pages } from "@/config/paths";
import { seasonOf } from "@/app/storefront/home/seasons";
import { productQuery } from "@/features/catalog/api/get-product";
import { useRecent } from "@/features/catalog/hooks/recent-store";
import { useSession } from "@/lib/session";

/** The window of the shop: it changes with the season, and says hello to whoever comes back. */
export function Hero() {
  const season = seasonOf(new Date());
  return (
    <section className="page">
      <div
        className="hero relative grid overflow-hidden rounded-lg"
        style={{ "--ground": season.ground } as CSSProperties}
      >
        <Scene backdrop="sun" className="hero-scene" eager ground={season.ground} props={season.props} />
        <div className="relative z-10 flex flex-col justify-center px-6 pt-8 pb-4 @3xl:px-12 @4xl:w-[52%] @4xl:py-18 @4xl:pr-0 @5xl:pl-18">
          <p className="font-medium">{season.kicker}</p>
          <h1 className="display hero-text mt-4">{season.headline}</h1>
          <p className="mt-6 max-w-[40ch] text-base">{season.text}</p>
          <div className="mt-8 flex flex-wrap items-center gap-6">
            <ButtonLink size="large" to={season.act.to} tone="ink">
              {season.act.label}
            </ButtonLink>
            <WelcomeBack />
          </div>
        </div>
      </div>
    </section>
  );
}

function WelcomeBack() {
  const lastId = useRecent((state) => state.ids[0]);
  const name = useSession((state) => state.user?.name.split(" ")[0]);
  const { data } = useQuery({ ...productQuery(lastId ?? ""), enabled: lastId !== undefined, retry: false });
  if (!data) return null;
  return (
    <Link className="group flex max-w-64 items-center gap-2" to={pages.product(data.id)}>
      <span className="quiet-link">
        {name ? `Back to it, ${name}: ` : "Back to "}
        {data.title}
      </span>
      <Icon className="shrink-0 transition-transform group-hover:translate-x-1" name="arrow" size={18} />
    </Link>
  );
}
