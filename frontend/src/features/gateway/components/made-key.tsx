import { useEffect, useId, useRef, useState } from "react";
import type { MadeApiKey } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";

/** The one time that the secret of a key can be read. */
export function MadeKey({ made, onDone }: { made: MadeApiKey; onDone: () => void }) {
  const [note, setNote] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const id = useId();

  useEffect(() => {
    field.current?.focus();
  }, []);

  const copy = async () => {
    try {
      // Where a browser does not count the page as secure there is no clipboard at all.
      await navigator.clipboard.writeText(made.secret);
      setNote("Copied");
    } catch {
      field.current?.focus();
      setNote("The browser did not let us copy. The secret is selected: copy it by hand.");
    }
  };

  return (
    <div className="space-y-4">
      <p>
        <span className="font-medium">{made.key.display_name}</span> works from now on.
      </p>
      <div className="space-y-1">
        <label className="block text-xs font-medium" htmlFor={id}>
          Secret
        </label>
        <input
          aria-describedby={`${id}-once`}
          autoComplete="off"
          className="figures h-11 w-full rounded-sm border border-line-strong bg-surface px-3 text-ink"
          id={id}
          onFocus={(event) => event.currentTarget.select()}
          readOnly
          ref={field}
          spellCheck={false}
          value={made.secret}
        />
      </div>
      <p className="rounded-md bg-ember-wash p-4" id={`${id}-once`}>
        <strong className="font-semibold">This is the only time you see it.</strong> Only its digest is kept,
        so it is not shown again. Copy it now to where it is needed; when it is lost, revoke the key and make
        another.
      </p>
      <div className="flex flex-wrap items-center gap-3">
        <Button onClick={() => void copy()} tone="ink">
          <Icon name={note === "Copied" ? "check" : "link"} size={16} />
          Copy the secret
        </Button>
        <Button onClick={onDone}>I have kept it</Button>
      </div>
      <p aria-live="polite" className="min-h-5 text-xs text-muted">
        {note}
      </p>
    </div>
  );
}
