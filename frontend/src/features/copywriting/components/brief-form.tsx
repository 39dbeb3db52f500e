import type { FormEvent } from "react";
import type { DescriptionRequest, Tone } from "@/api/staff-types";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { labelOf } from "@/lib/format";

interface BriefFormProps {
  product: Product;
  writing: boolean;
  hasDraft: boolean;
  onWrite: (request: DescriptionRequest) => void;
  onStop: () => void;
}

const TONES: [Tone, string, string][] = [
  ["warm", "Warm", "As if across a counter"],
  ["plain", "Plain", "Facts first, no colour"],
  ["lively", "Lively", "Short sentences, a smile"],
];
const RULES = [
  "Only what the facts say; nothing made up.",
  "No superlatives and no promises nobody can check.",
  "No prices, no dates, no stock.",
];

/** What the writer may use, and how it should sound. */
export function BriefForm({ product, writing, hasDraft, onWrite, onStop }: BriefFormProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    onWrite({
      product_id: product.id,
      tone: String(form.get("tone")) as Tone,
      keywords: String(form.get("keywords"))
        .split(",")
        .map((word) => word.trim())
        .filter(Boolean),
      target_words: Number(form.get("target_words")),
    });
  };
  return (
    <form className="space-y-6" onSubmit={submit}>
      <fieldset>
        <legend className="mb-2 text-xs font-medium">Tone</legend>
        <div className="grid grid-cols-3 rounded-sm border border-line-strong bg-surface p-1">
          {TONES.map(([tone, label, hint], index) => (
            <label
              className="cursor-pointer rounded-[4px] py-1.5 text-center transition-colors has-checked:bg-ink has-checked:text-paper has-focus-visible:outline-2 has-focus-visible:outline-ember"
              key={tone}
              title={hint}
            >
              <input className="sr-only" defaultChecked={index === 0} name="tone" type="radio" value={tone} />
              {label}
            </label>
          ))}
        </div>
      </fieldset>
      <div className="grid grid-cols-[1fr_7rem] gap-4">
        <Field hint="Separated by commas" label="Words to use" maxLength={200} name="keywords" />
        <Field defaultValue={80} label="Length, words" max={300} min={20} name="target_words" type="number" />
      </div>
      {writing ? (
        <Button className="w-full" onClick={onStop} size="large">
          Stop writing
        </Button>
      ) : (
        <Button
          className="w-full"
          data-testid="copy-generate"
          size="large"
          tone={hasDraft ? "line" : "ember"}
          type="submit"
        >
          {hasDraft ? "Write another" : "Write description"}
        </Button>
      )}
      <Facts product={product} />
      <div>
        <h2 className="mb-2 font-semibold">House rules</h2>
        <ul className="list-disc space-y-1 pl-5 text-muted marker:text-ember">
          {RULES.map((rule) => (
            <li key={rule}>{rule}</li>
          ))}
        </ul>
      </div>
    </form>
  );
}

function Facts({ product }: { product: Product }) {
  const facts: [string, string][] = [
    ["Department", product.category.title],
    ["Maker", product.brand],
    ...Object.entries(product.attributes).map(([key, value]): [string, string] => [labelOf(key), value]),
  ];
  return (
    <div>
      <h2 className="mb-2 font-semibold">Facts</h2>
      <dl className="border-t border-line">
        {facts.map(([label, value]) => (
          <div className="flex gap-4 border-b border-line py-1.5" key={label}>
            <dt className="w-32 shrink-0 text-muted">{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
