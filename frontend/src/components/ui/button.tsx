import { cva, type VariantProps } from "class-variance-authority";
import type { ButtonHTMLAttributes, Ref } from "react";
import { Link, type LinkProps } from "react-router";
import { cx } from "@/lib/class-names";

const look = cva(
  "inline-flex shrink-0 items-center justify-center gap-2 rounded-full font-medium whitespace-nowrap transition-colors duration-150 disabled:cursor-not-allowed disabled:opacity-55",
  {
    variants: {
      tone: {
        ember: "bg-ember-fill text-(--on-ember) hover:bg-ember-fill-hover",
        ink: "bg-ink text-paper hover:bg-muted",
        line: "border border-line-strong text-ink hover:border-ink",
        quiet: "text-ink hover:bg-sunk",
        danger: "border border-line-strong text-brick-ink hover:border-brick",
      },
      size: {
        small: "h-8 px-3 text-xs",
        medium: "h-11 px-6 text-sm",
        large: "h-13 px-8 text-sm",
        icon: "size-11",
        iconSmall: "size-8",
      },
    },
    defaultVariants: { tone: "line", size: "medium" },
  },
);

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement>, VariantProps<typeof look> {
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({
  tone,
  size,
  busy = false,
  className,
  type = "button",
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      aria-busy={busy || undefined}
      className={cx(look({ tone, size }), className)}
      disabled={(disabled ?? false) || busy}
      type={type}
      {...rest}
    />
  );
}

export function ButtonLink({ tone, size, className, ...rest }: LinkProps & VariantProps<typeof look>) {
  return <Link className={cx(look({ tone, size }), className)} {...rest} />;
}
