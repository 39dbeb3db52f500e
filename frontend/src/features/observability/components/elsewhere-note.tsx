import type { ReactNode } from "react";
import { EmptyNote } from "@/components/ui/notes";

/** Said where telemetry goes to a cloud: there is nothing to ask here, and where to ask instead. */
export function ElsewhereNote({ address, children }: { address: string; children?: ReactNode }) {
  return (
    <EmptyNote title="Kept elsewhere">
      <p>
        This shop sends its traces and metrics to{" "}
        <a className="underline" href={new URL(address).origin} rel="noreferrer" target="_blank">
          {new URL(address).host}
        </a>
        . {children}
      </p>
    </EmptyNote>
  );
}
