import type { ReactNode } from "react";

/** A wide table that scrolls sideways in its own place, by keyboard too. */
export function ScrollRegion({ label, children }: { label: string; children: ReactNode }) {
  return (
    // A scrolling region has to be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div aria-label={label} className="relative overflow-x-auto" role="region" tabIndex={0}>
      {children}
    </div>
  );
}
