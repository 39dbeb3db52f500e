import { useId, useLayoutEffect, useRef, type ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { ErrorNote } from "@/components/ui/notes";

interface ConfirmProps {
  title: string;
  /** What follows, in a sentence or two. */
  children: ReactNode;
  /** Names the act. */
  act: string;
  busy?: boolean;
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
}

/**
 * Asks before what cannot be undone; the rest has "undo" instead. It is there as long as it is drawn, and the focus
 * starts on the way back.
 */
export function Confirm({ title, children, act, busy = false, error, onConfirm, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // Closing it, not only taking it away, is what gives the focus back to where it was.
    return () => element?.close();
  }, []);

  return (
    <dialog
      aria-describedby={`${id}-text`}
      aria-labelledby={`${id}-title`}
      className="m-auto w-[calc(100%-2rem)] max-w-[440px] rounded-md bg-paper p-6 text-ink shadow-float backdrop:animate-fade backdrop:bg-scrim open:animate-rise"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      ref={dialog}
      role="alertdialog"
    >
      <h2 className="display text-xl" id={`${id}-title`}>
        {title}
      </h2>
      <div className="mt-2 space-y-2 text-muted" id={`${id}-text`}>
        {children}
      </div>
      {error ? <ErrorNote className="mt-4 p-4!" error={error} /> : null}
      <div className="mt-6 flex flex-wrap justify-end gap-3">
        <Button onClick={onClose} tone="quiet">
          Keep it
        </Button>
        <Button busy={busy} onClick={onConfirm} tone="danger">
          {act}
        </Button>
      </div>
    </dialog>
  );
}
