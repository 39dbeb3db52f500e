import { Link } from "react-router";
import { Icon } from "@/components/ui/icon";
import { pages } from "@/config/paths";

export function Wordmark() {
  return (
    <Link
      aria-label="Lantern & Loom, home"
      className="flex items-center gap-2 whitespace-nowrap"
      to={pages.home()}
    >
      <span className="hidden @md:block">
        <Icon className="text-ember" name="lantern" size={26} />
      </span>
      <span className="display text-lg tracking-tight @3xl:text-xl">
        Lantern <span className="mx-0.5 font-light text-ember-ink italic">&amp;</span> Loom
      </span>
    </Link>
  );
}
