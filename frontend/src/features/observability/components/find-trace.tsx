import { useState } from "react";
import { useNavigate } from "react-router";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { pages } from "@/config/paths";
import { addressElsewhere } from "@/features/observability/hooks/elsewhere";
import { traceIdOf } from "@/features/observability/hooks/trace-filters";

/** Opens the trace whose id somebody quotes. */
export function FindTrace({ elsewhere }: { elsewhere: string }) {
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const navigate = useNavigate();
  const open = () => {
    const id = traceIdOf(text);
    setWrong(!id);
    if (!id) return;
    if (elsewhere) window.open(addressElsewhere(elsewhere, id), "_blank", "noreferrer");
    else void navigate(pages.admin.trace(id));
  };
  return (
    <form
      className="flex items-start gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        open();
      }}
    >
      <div className="min-w-0 flex-1 @3xl:w-[22rem] @3xl:flex-none">
        <Field
          autoComplete="off"
          className="font-mono text-sm"
          error={isWrong ? "A trace id has 32 digits, 0 to 9 and a to f." : undefined}
          label="Trace id"
          onChange={(event) => {
            setText(event.target.value);
            setWrong(false);
          }}
          placeholder="from an error notice"
          spellCheck={false}
          value={text}
        />
      </div>
      <Button className="mt-6" type="submit">
        Open
      </Button>
    </form>
  );
}
