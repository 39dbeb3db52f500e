import { useEffect, useRef, type ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { Toaster } from "@/components/ui/toaster";
import { cx } from "@/lib/class-names";

interface SheetProps {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  footer?: ReactNode;
  /** `right` turns into a sheet from below on a phone. */
  side?: "right" | "left";
  /** Holds what must not be lost to a slip: only its own buttons close it. */
  isSticky?: boolean;
}

/**
 * A panel over the page. It is a modal dialog element: the browser keeps the focus inside, closes it on Escape
 * and gives the focus back to what opened it.
 */
export function Sheet({
  open,
  onClose,
  title,
  children,
  footer,
  side = "right",
  isSticky = false,
}: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) element.showModal();
    if (!open && element.open) element.close();
  }, [open]);

  return (
    // The click on the backdrop is a convenience for pointers; the keyboard has Escape and the close button.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      aria-label={title}
      className={cx(
        "fixed m-0 max-h-none max-w-none flex-col bg-paper text-ink shadow-float backdrop:bg-scrim backdrop:animate-fade open:flex",
        "inset-x-0 top-auto bottom-0 h-[88dvh] w-full rounded-t-lg open:animate-sheet-up",
        "sm:inset-y-0 sm:h-dvh sm:w-[420px] sm:rounded-none sm:open:animate-sheet-right",
        side === "right" ? "sm:right-0 sm:left-auto" : "sm:right-auto sm:left-0",
      )}
      onCancel={(event) => {
        if (isSticky) event.preventDefault();
      }}
      onClick={(event) => {
        if (event.target === dialog.current && !isSticky) onClose();
      }}
      onClose={onClose}
      ref={dialog}
    >
      {open && (
        <>
          <div className="flex items-center justify-between gap-4 py-3 pr-3 pl-6">
            <h2 className="display text-xl">{title}</h2>
            <Button aria-label="Close" onClick={onClose} size="icon" tone="quiet">
              <Icon name="close" />
            </Button>
          </div>
          <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-6 pb-6">{children}</div>
          {/* What is outside a modal dialog is out of reach, so its toasts stand inside. */}
          <Toaster place="top" />
          {footer && <div className="border-t border-line bg-surface px-6 py-4">{footer}</div>}
        </>
      )}
    </dialog>
  );
}
