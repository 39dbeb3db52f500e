import type { ApiKey } from "@/api/staff-types";
import { Field, SelectField } from "@/components/ui/field";
import type { SubjectKind } from "@/features/gateway/hooks/budget-values";
import { keyLabel } from "@/features/gateway/hooks/usage-values";

const HINTS: Record<SubjectKind, string> = {
  tenant: "Such as shop or team-a",
  use_case: "Such as chat_support",
  user: "The opaque id that usage by user shows",
  api_key: "The id of the key",
};

interface SubjectFieldProps {
  kind: SubjectKind;
  keys: ApiKey[];
  error: string | undefined;
}

/** Whose budget it is; keys are chosen, the others are written. */
export function SubjectField({ kind, keys, error }: SubjectFieldProps) {
  if (kind === "api_key" && keys.length > 0) {
    return (
      <SelectField error={error} label="Which key" name="subject" required>
        {keys.map((key) => (
          <option key={key.id} value={key.id}>
            {keyLabel(key)}
          </option>
        ))}
      </SelectField>
    );
  }
  return (
    <Field
      autoCapitalize="none"
      autoComplete="off"
      error={error}
      hint={HINTS[kind]}
      label="Which one"
      maxLength={200}
      name="subject"
      required
      spellCheck={false}
    />
  );
}
