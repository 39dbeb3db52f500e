import { Icon } from "@/components/ui/icon";

interface QuantityStepperProps {
  value: number;
  max: number;
  label: string;
  onChange: (value: number) => void;
  small?: boolean;
}

export function QuantityStepper({ value, max, label, onChange, small = false }: QuantityStepperProps) {
  const height = small ? "h-8" : "h-13";
  const side = `${height} ${small ? "w-8" : "w-11"} grid place-items-center rounded-full disabled:opacity-40`;
  return (
    <div
      aria-label={label}
      className={`inline-flex items-center rounded-full border border-line-strong ${height}`}
      role="group"
    >
      <button
        aria-label="One fewer"
        className={side}
        disabled={value <= 1}
        onClick={() => onChange(value - 1)}
        type="button"
      >
        <Icon name="minus" size={16} />
      </button>
      <output aria-live="polite" className="figures w-6 text-center font-medium">
        {value}
      </output>
      <button
        aria-label="One more"
        className={side}
        disabled={value >= max}
        onClick={() => onChange(value + 1)}
        type="button"
      >
        <Icon name="plus" size={16} />
      </button>
    </div>
  );
}
