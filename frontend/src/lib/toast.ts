import { create } from "zustand";
import { newId } from "@/lib/id";

export interface Toast {
  id: string;
  text: string;
  tone: "plain" | "danger";
  action?: { label: string; run: () => void };
  lifeMs: number;
}

interface ToastState {
  toasts: Toast[];
  show: (toast: Partial<Omit<Toast, "id">> & { text: string }) => string;
  dismiss: (id: string) => void;
}

const LIFE_MS = 6000;
const AT_MOST = 3;

/** Short notes at the foot of the page; one with an action is how the shop says "undo". */
export const useToasts = create<ToastState>()((set) => ({
  toasts: [],
  show: (toast) => {
    const id = newId();
    const made: Toast = { tone: "plain", lifeMs: LIFE_MS, ...toast, id };
    set((state) => ({ toasts: [...state.toasts, made].slice(-AT_MOST) }));
    return id;
  },
  dismiss: (id) => set((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) })),
}));

export const showToast = (toast: Parameters<ToastState["show"]>[0]): string =>
  useToasts.getState().show(toast);
