import type { Delivery, MeshStatus } from "@/api/staff-types";
import { EmptyNote } from "@/components/ui/notes";
import { DeliveryEditor } from "@/features/mesh/components/delivery-editor";

/** The file that spreads calls over the versions of services. */
export function DeliveryPanel({ status }: { status: MeshStatus }) {
  const { delivery } = status;
  if (delivery) {
    return (
      <>
        <Waiting delivery={delivery} />
        <DeliveryEditor delivery={delivery} />
      </>
    );
  }
  return status.degraded.includes("CONTROL_PLANE") ? (
    <EmptyNote title="The file is out of reach">
      <p>The control plane keeps it and does not answer. Calls are spread as they were.</p>
    </EmptyNote>
  ) : (
    <EmptyNote title="No file to edit">
      <p>This control plane has no delivery file. Name one in its settings, and it can be edited here.</p>
    </EmptyNote>
  );
}

function Waiting({ delivery: { problems } }: { delivery: Delivery }) {
  if (problems.length === 0) return null;
  return (
    <section className="mb-6 rounded-md bg-ember-wash p-4">
      <h2 className="font-semibold">Not all of it holds</h2>
      <p className="mt-1 text-muted">What has no replica gets no calls; it begins with the first one.</p>
      <ul className="mt-2 list-disc pl-5 text-sm wrap-anywhere">
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </section>
  );
}
