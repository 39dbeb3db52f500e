import { useEffect } from "react";

const SHOP = "Lantern & Loom";

/** Name the tab after the page. */
export function useDocumentTitle(title?: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${SHOP}` : SHOP;
  }, [title]);
}
