import { Link, useSearchParams } from "react-router";
import type { UsageBy } from "@/api/staff-types";
import { pages } from "@/config/paths";
import { SPANS } from "@/components/ui/span-picker";
import { BudgetsPanel } from "@/features/gateway/components/budgets-panel";
import { ChangesPanel } from "@/features/gateway/components/changes-panel";
import { KeysPanel } from "@/features/gateway/components/keys-panel";
import { UsagePanel } from "@/features/gateway/components/usage-panel";
import { GROUPS } from "@/features/gateway/hooks/usage-values";
import { cx } from "@/lib/class-names";
import { useDocumentTitle } from "@/lib/use-document-title";

const TABS = [
  ["usage", "Usage"],
  ["keys", "Keys"],
  ["budgets", "Budgets"],
  ["changes", "Changes"],
] as const;

type Tab = (typeof TABS)[number][0];

/** What models cost and who may call them; each tab has an address of its own. */
export function GatewayPage() {
  const [params] = useSearchParams();
  const asked = params.get("tab");
  const [tab, label] = TABS.find(([each]) => each === asked) ?? TABS[0];
  useDocumentTitle(`${label} · AI gateway`);
  return (
    <div>
      <h1 className="display text-xl">AI gateway</h1>
      <p className="mt-1 max-w-[60ch] text-muted">
        What calls to models cost and how they went, who may call, and how much may be spent.
      </p>
      <nav aria-label="AI gateway" className="mt-6 mb-8 flex gap-6 overflow-x-auto border-b border-line">
        {TABS.map(([each, name]) => (
          <Link
            aria-current={each === tab ? "page" : undefined}
            className={cx(
              "-mb-px border-b-2 py-2.5 whitespace-nowrap transition-colors hover:text-ink",
              each === tab ? "border-ember text-ink" : "border-transparent text-muted",
            )}
            key={each}
            to={pages.admin.gateway(each)}
          >
            {name}
          </Link>
        ))}
      </nav>
      <section aria-label={label}>
        <Panel tab={tab} />
      </section>
    </div>
  );
}

function Panel({ tab }: { tab: Tab }) {
  switch (tab) {
    case "usage":
      return <UsageTab />;
    case "keys":
      return <KeysPanel />;
    case "budgets":
      return <BudgetsPanel />;
    case "changes":
      return <ChangesPanel />;
  }
}

/** The span and the grouping stand in the address too, so that a view can be passed on. */
function UsageTab() {
  const [params, setParams] = useSearchParams();
  const asked = Number(params.get("days"));
  const days = SPANS.includes(asked) ? asked : 30;
  const by = GROUPS.find(([each]) => each === params.get("by"))?.[0] ?? "model";
  const change = (name: string, value: string) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        next.set(name, value);
        return next;
      },
      { preventScrollReset: true, replace: true },
    );
  return (
    <UsagePanel
      by={by}
      days={days}
      onBy={(value: UsageBy) => change("by", value)}
      onDays={(value) => change("days", String(value))}
    />
  );
}
