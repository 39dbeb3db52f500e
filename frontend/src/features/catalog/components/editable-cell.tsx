import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { cx } from "@/lib/class-names";

interface EditableCellProps {
  label: string;
  value: string;
  shown: string;
  row: number;
  column: number;
  /** Takes the text, or says why it cannot. */
  onCommit: (text: string) => string | null;
}

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Move the focus to a neighbour in the grid; at an edge it stays. */
export function focusCell(from: HTMLElement, row: number, column: number): void {
  from
    .closest("table")
    ?.querySelector<HTMLElement>(`[data-cell="${String(row)}:${String(column)}"]`)
    ?.focus();
}

/** Arrow keys walk between the cells that can be changed. */
export function walkCells(event: KeyboardEvent<HTMLElement>, row: number, column: number): void {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  focusCell(event.currentTarget, row + step[0], column + step[1]);
}

/** A value that turns into a field: Enter opens and saves, Escape takes back. */
export function EditableCell({ label, value, shown, row, column, onCommit }: EditableCellProps) {
  const [text, setText] = useState<string | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const returns = useRef(false);
  const editing = text !== null;

  useEffect(() => {
    if (editing) field.current?.select();
    else if (returns.current) {
      returns.current = false;
      button.current?.focus();
    }
  }, [editing]);

  const close = () => {
    setText(null);
    setFault(null);
  };
  const commit = (): boolean => {
    if (text === null) return true;
    const reason = text === value ? null : onCommit(text);
    setFault(reason);
    if (reason === null) close();
    return reason === null;
  };

  if (!editing) {
    return (
      <button
        aria-label={`${label}: ${shown}. Edit`}
        className="figures -mx-2 block w-[calc(100%+1rem)] rounded-sm px-2 py-1 text-right transition-colors hover:bg-sunk"
        data-cell={`${String(row)}:${String(column)}`}
        onClick={() => setText(value)}
        onKeyDown={(event) => walkCells(event, row, column)}
        ref={button}
        type="button"
      >
        {shown}
      </button>
    );
  }
  return (
    <span className="relative block">
      <input
        aria-invalid={fault !== null}
        aria-label={label}
        className={cx(
          "figures -mx-2 w-[calc(100%+1rem)] rounded-sm border bg-surface px-2 py-1 text-right",
          fault ? "border-brick" : "border-ember",
        )}
        inputMode="decimal"
        onBlur={() => {
          if (!commit()) close();
        }}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" && event.key !== "Enter") return;
          // Otherwise the same press would open the cell again, for the focus is back on it by then.
          event.preventDefault();
          if (event.key === "Escape") close();
          else if (!commit()) return;
          returns.current = true;
        }}
        ref={field}
        value={text}
      />
      {fault && (
        <span
          className="absolute top-full right-0 z-10 mt-1 rounded-sm bg-brick px-2 py-1 text-xs whitespace-nowrap text-on-strong"
          role="alert"
        >
          {fault}
        </span>
      )}
    </span>
  );
}
