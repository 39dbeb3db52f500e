import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import type { MeshStatus } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { pages } from "@/config/paths";
import { meshQuery } from "@/features/mesh/api/get-mesh";
import { DeliveryPanel } from "@/features/mesh/components/delivery-panel";
import { MeshAlerts } from "@/features/mesh/components/mesh-alerts";
import { MeshSkeleton } from "@/features/mesh/components/mesh-skeleton";
import { MeshSummary } from "@/features/mesh/components/mesh-summary";
import { ProxiesPanel } from "@/features/mesh/components/proxies-panel";
import { ServicesPanel } from "@/features/mesh/components/services-panel";
import { cx } from "@/lib/class-names";
import { useDocumentTitle } from "@/lib/use-document-title";

const TABS = [
  ["services", "Services"],
  ["proxies", "Proxies"],
  ["delivery", "Delivery"],
] as const;

type Tab = (typeof TABS)[number][0];

/** Where calls go and whether every proxy knows it; what is wrong stands above whichever tab is open. */
export function MeshPage() {
  const [params] = useSearchParams();
  const asked = params.get("tab");
  const [tab, label] = TABS.find(([each]) => each === asked) ?? TABS[0];
  const query = useQuery(meshQuery);
  useDocumentTitle(`${label} · Mesh`);
  return (
    <div>
      <h1 className="display text-xl">Mesh</h1>
      <p className="mt-1 mb-6 max-w-[60ch] text-muted">
        Which replicas there are, which version calls go to, and what each proxy runs on.
      </p>
      <AsyncView query={query} skeleton={<MeshSkeleton />}>
        {(status) => (
          <div>
            <MeshSummary status={status} />
            <div className="mt-6 empty:hidden">
              <MeshAlerts status={status} />
            </div>
            <Tabs open={tab} />
            <section aria-label={label}>
              <Panel status={status} tab={tab} />
            </section>
          </div>
        )}
      </AsyncView>
    </div>
  );
}

function Tabs({ open }: { open: Tab }) {
  return (
    <nav aria-label="Mesh" className="mt-6 mb-8 flex gap-6 overflow-x-auto border-b border-line">
      {TABS.map(([each, name]) => (
        <Link
          aria-current={each === open ? "page" : undefined}
          className={cx(
            "-mb-px border-b-2 py-2.5 whitespace-nowrap transition-colors hover:text-ink",
            each === open ? "border-ember text-ink" : "border-transparent text-muted",
          )}
          key={each}
          preventScrollReset
          to={pages.admin.mesh(each)}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}

function Panel({ tab, status }: { tab: Tab; status: MeshStatus }) {
  switch (tab) {
    case "services":
      return <ServicesPanel delivery={status.delivery} services={status.services} />;
    case "proxies":
      return <ProxiesPanel status={status} />;
    case "delivery":
      return <DeliveryPanel status={status} />;
  }
}
