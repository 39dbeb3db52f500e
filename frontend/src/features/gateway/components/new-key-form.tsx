import { useState, type FormEvent } from "react";
import type { NewApiKey } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/notes";
import { dayText, endOfDay } from "@/features/gateway/hooks/expiry";
import { tenantName, TENANT_RULE } from "@/features/gateway/hooks/tenants";
import { toProblem } from "@/lib/problem";

interface NewKeyFormProps {
  busy: boolean;
  error: Error | null;
  onSubmit: (key: NewApiKey) => void;
}

interface Mistakes {
  name?: string;
  tenant?: string;
  expiry?: string;
}

/** Reads the form, or says what is wrong with it. */
export function readKey(form: FormData): { key: NewApiKey } | { mistakes: Mistakes } {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const tenant = text("tenant") ? tenantName(text("tenant")) : "";
  const expiry = text("expiry") ? endOfDay(text("expiry")) : undefined;
  const mistakes: Mistakes = {
    ...(text("name") ? {} : { name: "Say what the key is for" }),
    ...(tenant === null ? { tenant: TENANT_RULE } : {}),
    ...(expiry === null ? { expiry: "Choose today or a day after" } : {}),
  };
  if (Object.keys(mistakes).length > 0) return { mistakes };
  return {
    key: { display_name: text("name"), tenant: tenant ?? "", ...(expiry ? { expire_time: expiry } : {}) },
  };
}

export function NewKeyForm({ busy, error, onSubmit }: NewKeyFormProps) {
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const problem = error ? toProblem(error) : undefined;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const read = readKey(new FormData(event.currentTarget));
    setMistakes("mistakes" in read ? read.mistakes : {});
    if ("key" in read) onSubmit(read.key);
  };

  return (
    <form className="space-y-4" noValidate onSubmit={submit}>
      <Field
        autoComplete="off"
        error={mistakes.name ?? problem?.fieldMessage("display_name")}
        hint="What it is for, so that others know it again"
        label="Name"
        maxLength={80}
        name="name"
        required
      />
      <Field
        autoCapitalize="none"
        autoComplete="off"
        error={mistakes.tenant ?? problem?.fieldMessage("tenant")}
        hint="Whom its calls are counted for. Leave it empty for the shop itself."
        label="Tenant, if you like"
        name="tenant"
        spellCheck={false}
      />
      <Field
        error={mistakes.expiry ?? problem?.fieldMessage("expire_time")}
        hint="Leave it empty for a key without an end"
        label="Last day, if you like"
        min={dayText(new Date())}
        name="expiry"
        type="date"
      />
      {error && <ErrorNote className="p-4!" error={error} />}
      <Button busy={busy} className="w-full" size="large" tone="ink" type="submit">
        Make the key
      </Button>
    </form>
  );
}
