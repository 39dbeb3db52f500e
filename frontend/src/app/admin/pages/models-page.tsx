import { ModelList } from "@/features/insights/components/model-list";
import { useDocumentTitle } from "@/lib/use-document-title";

export function ModelsPage() {
  useDocumentTitle("Models");
  return (
    <section>
      <h1 className="display text-xl">Models</h1>
      <p className="mt-1 mb-6 max-w-[60ch] text-muted">
        Who writes, and who turns words into meaning. One that is out of reach is skipped, and the shop says
        so where it matters.
      </p>
      <ModelList />
    </section>
  );
}
