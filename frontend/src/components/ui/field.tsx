import {
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from "react";
import { cx } from "@/lib/class-names";

const box =
  "w-full rounded-sm border border-line-strong bg-surface px-3 text-ink transition-colors hover:border-ink aria-invalid:border-brick";

interface Shared {
  label: string;
  hint?: string;
  error?: string;
}

function Frame({ id, label, hint, error, children }: Shared & { id: string; children: ReactNode }) {
  return (
    <div className="space-y-1">
      <label className="block text-xs font-medium" htmlFor={id}>
        {label}
      </label>
      {children}
      {hint && !error && (
        <p className="text-xs text-muted" id={`${id}-note`}>
          {hint}
        </p>
      )}
      {error && (
        <p className="text-xs text-brick-ink" id={`${id}-note`} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

const described = (id: string, { hint, error }: Pick<Shared, "hint" | "error">) => ({
  id,
  "aria-invalid": error ? true : undefined,
  "aria-describedby": (hint ?? error) ? `${id}-note` : undefined,
});

export function Field({
  label,
  hint,
  error,
  className,
  ...rest
}: Shared & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Frame error={error} hint={hint} id={id} label={label}>
      <input className={cx(box, "h-11", className)} {...described(id, { hint, error })} {...rest} />
    </Frame>
  );
}

export function TextField({
  label,
  hint,
  error,
  className,
  ...rest
}: Shared & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <Frame error={error} hint={hint} id={id} label={label}>
      <textarea className={cx(box, "py-2", className)} {...described(id, { hint, error })} {...rest} />
    </Frame>
  );
}

export function SelectField({
  label,
  hint,
  error,
  className,
  children,
  ...rest
}: Shared & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame error={error} hint={hint} id={id} label={label}>
      <select className={cx(box, "h-11", className)} {...described(id, { hint, error })} {...rest}>
        {children}
      </select>
    </Frame>
  );
}
