import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, type FormEvent } from "react";
import type { ProductInput, ProductState } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Field, SelectField, TextField } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/notes";
import { terms } from "@/config/env";
import { createProduct } from "@/features/catalog/api/create-product";
import { categoriesQuery } from "@/features/catalog/api/list-categories";
import { parseMinor } from "@/lib/format";
import { newId } from "@/lib/id";
import { toProblem } from "@/lib/problem";
import { showToast } from "@/lib/toast";

/** "Material: wool" on a line each becomes a fact each. */
export function parseFacts(text: string): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [key = "", ...rest] = line.split(":");
    const value = rest.join(":").trim();
    if (key.trim() && value) facts[key.trim().toLowerCase().replace(/\s+/g, "_")] = value;
  }
  return facts;
}

function inputOf(form: FormData): ProductInput {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  return {
    title: text("title"),
    subtitle: text("subtitle"),
    description: text("description"),
    category_id: text("category_id"),
    brand: text("brand"),
    price: { currency: terms.currency, minor: parseMinor(text("price")) ?? 0 },
    stock_quantity: Number(text("stock_quantity") || "0"),
    attributes: parseFacts(text("facts")),
    tags: [],
    state: text("state") as ProductState,
    delivery_note: text("delivery_note"),
  };
}

export function ProductForm({ onDone }: { onDone: () => void }) {
  const { data: categories } = useQuery(categoriesQuery);
  const client = useQueryClient();
  const key = useRef(newId());
  const mutation = useMutation({
    mutationFn: (input: ProductInput) => createProduct(input, key.current),
    onSuccess: (product) => {
      void client.invalidateQueries({ queryKey: ["admin-products"] });
      showToast({ text: `${product.title} is on the list` });
      onDone();
    },
  });
  const problem = mutation.error ? toProblem(mutation.error) : undefined;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    mutation.mutate(inputOf(new FormData(event.currentTarget)));
  };

  return (
    <form className="space-y-4" onSubmit={submit}>
      <Field error={problem?.fieldMessage("title")} label="Title" maxLength={200} name="title" required />
      <Field
        error={problem?.fieldMessage("subtitle")}
        label="Line below the title"
        maxLength={200}
        name="subtitle"
      />
      <SelectField
        error={problem?.fieldMessage("category_id")}
        label="Department"
        name="category_id"
        required
      >
        {categories?.map((category) => (
          <option key={category.id} value={category.id}>
            {category.title}
          </option>
        ))}
      </SelectField>
      <Field error={problem?.fieldMessage("brand")} label="Maker" maxLength={120} name="brand" required />
      <div className="grid grid-cols-2 gap-4">
        <Field
          error={problem?.fieldMessage("price")}
          inputMode="decimal"
          label={`Price, ${terms.currency}`}
          name="price"
          pattern="\d+([.,]\d{1,2})?"
          placeholder="49.00"
          required
        />
        <Field
          defaultValue="0"
          error={problem?.fieldMessage("stock_quantity")}
          label="In stock"
          min={0}
          name="stock_quantity"
          type="number"
        />
      </div>
      <SelectField defaultValue="draft" label="State" name="state">
        <option value="draft">Draft</option>
        <option value="active">On sale</option>
      </SelectField>
      <TextField hint="One on a line, such as Material: wool" label="Facts" name="facts" rows={4} />
      <TextField
        error={problem?.fieldMessage("description")}
        label="Description"
        name="description"
        rows={4}
      />
      <Field label="Delivery note" maxLength={200} name="delivery_note" />
      {mutation.error && <ErrorNote className="p-4!" error={mutation.error} />}
      <Button busy={mutation.isPending} className="w-full" size="large" tone="ink" type="submit">
        Create product
      </Button>
    </form>
  );
}
