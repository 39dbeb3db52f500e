import { useEffect, useRef, useState, type ReactNode } from "react";
import type { Product } from "@/api/types";
import { Toaster } from "@/components/ui/toaster";
import { AssistantPanel } from "@/features/chat/components/assistant-panel";
import { useChat } from "@/features/chat/stores/chat-store";
import { useMedia } from "@/lib/use-media";

interface AssistantFrameProps {
  renderProduct: (product: Product) => ReactNode;
  renderSubject: (product: Product) => ReactNode;
}

/** Wide screens make room beside the page; narrower ones get a panel over it, a phone a sheet from below. */
const WIDE = "(min-width: 1280px)";

export function AssistantFrame(props: AssistantFrameProps) {
  const open = useChat((state) => state.open);
  const setOpen = useChat((state) => state.setOpen);
  const wide = useMedia(WIDE);
  if (!open) return null;
  const close = () => setOpen(false);
  return wide ? <Beside {...props} onClose={close} /> : <Over {...props} onClose={close} />;
}

type FrameProps = AssistantFrameProps & { onClose: () => void };

function Beside(props: FrameProps) {
  const box = useRef<HTMLElement>(null);
  // Read while drawing: by the time an effect runs, the question field has taken the focus.
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    },
    [before],
  );
  useEffect(() => {
    const element = box.current;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === "Escape") props.onClose();
    };
    element?.addEventListener("keydown", onKeyDown);
    return () => element?.removeEventListener("keydown", onKeyDown);
  });
  return (
    <aside
      aria-label="Assistant"
      className="sticky top-0 h-dvh w-[400px] shrink-0 animate-sheet-right border-l border-line bg-paper"
      ref={box}
    >
      <AssistantPanel {...props} />
    </aside>
  );
}

function Over(props: FrameProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
  }, []);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      aria-label="Assistant"
      className="fixed inset-x-0 top-auto bottom-0 m-0 h-[86dvh] max-h-none w-full max-w-none animate-sheet-up rounded-t-lg bg-paper text-ink shadow-float backdrop:animate-fade backdrop:bg-scrim md:inset-y-0 md:right-0 md:left-auto md:h-dvh md:w-[420px] md:animate-sheet-right md:rounded-none"
      onClick={(event) => {
        if (event.target === dialog.current) props.onClose();
      }}
      onClose={props.onClose}
      ref={dialog}
    >
      <AssistantPanel {...props} />
      <Toaster place="top" />
    </dialog>
  );
}
