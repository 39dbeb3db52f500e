import { useEffect } from "react";
import { cx } from "@/lib/class-names";
import { useToasts, type Toast } from "@/lib/toast";

/** `place` is the top inside a sheet, where the foot belongs to its own acts. */
export function Toaster({ place = "bottom" }: { place?: "top" | "bottom" }) {
  const toasts = useToasts((state) => state.toasts);
  return (
    <div
      aria-live="polite"
      className={cx(
        "pointer-events-none fixed inset-x-0 z-50 flex flex-col items-center gap-2 px-4",
        place === "top" ? "top-4" : "bottom-6",
      )}
      role="status"
    >
      {toasts.map((toast) => (
        <ToastView key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function ToastView({ toast }: { toast: Toast }) {
  const dismiss = useToasts((state) => state.dismiss);
  useEffect(() => {
    const timer = setTimeout(() => dismiss(toast.id), toast.lifeMs);
    return () => clearTimeout(timer);
  }, [dismiss, toast]);
  return (
    <div
      className={cx(
        "pointer-events-auto flex animate-rise items-center gap-4 rounded-full px-6 py-3 text-sm shadow-float",
        toast.tone === "danger" ? "bg-brick text-on-strong" : "bg-ink text-paper",
      )}
    >
      <span>{toast.text}</span>
      {toast.action && (
        <button
          className="font-semibold underline underline-offset-4"
          onClick={() => {
            toast.action?.run();
            dismiss(toast.id);
          }}
          type="button"
        >
          {toast.action.label}
        </button>
      )}
    </div>
  );
}
