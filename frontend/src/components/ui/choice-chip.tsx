import { Icon } from "@/components/ui/icon";

/** Something that was chosen and can be taken back. */
export function ChoiceChip({ label, onRemove }: { label: string; onRemove: () => void }) {
  return (
    <button
      className="inline-flex h-8 items-center gap-2 rounded-full bg-sunk pr-2 pl-3 text-xs transition-colors hover:bg-ember-wash"
      onClick={onRemove}
      type="button"
    >
      <span className="sr-only">Remove filter: </span>
      {label}
      <Icon name="close" size={14} />
    </button>
  );
}
