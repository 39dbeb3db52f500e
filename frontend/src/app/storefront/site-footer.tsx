import { Link } from "react-router";
import { Icon } from "@/components/ui/icon";
import { pages } from "@/config/paths";
import { useSession } from "@/lib/session";

export function SiteFooter() {
  const isAdmin = useSession((state) => state.user?.role === "admin");
  return (
    <footer className="mt-18 border-t border-line bg-sunk">
      <div className="page grid gap-8 py-12 @2xl:grid-cols-[1fr_auto_auto] @2xl:gap-18">
        <div>
          <Icon className="text-ember" name="lantern" size={32} />
          <p className="display mt-3 max-w-[24ch] text-xl">A small department store with its lights on.</p>
        </div>
        <FooterList
          links={[
            [pages.help(), "Help pages"],
            [pages.basket(), "Your basket"],
            [pages.account(), "Your account"],
          ]}
          title="The shop"
        />
        <FooterList
          links={[
            [pages.search("presents under 30 euros"), "Presents"],
            [pages.search("something new for a small kitchen"), "For a small kitchen"],
            ...(isAdmin ? ([[pages.admin.products(), "Staff door"]] as [string, string][]) : []),
          ]}
          title="Start here"
        />
      </div>
      <p className="page pb-8 text-xs text-muted">
        Lantern &amp; Loom is a demonstration. Nothing here is sold, and nobody will ask for your card.
      </p>
    </footer>
  );
}

function FooterList({ title, links }: { title: string; links: [string, string][] }) {
  return (
    <nav aria-label={title}>
      <p className="font-semibold">{title}</p>
      <ul className="mt-3 space-y-2">
        {links.map(([to, label]) => (
          <li key={to}>
            <Link className="text-muted underline-offset-4 hover:text-ink hover:underline" to={to}>
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
