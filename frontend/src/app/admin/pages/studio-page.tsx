import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import type { Product } from "@/api/types";
import { StudioStart } from "@/app/admin/studio-start";
import { ProductPicker } from "@/features/catalog/components/product-picker";
import { ErrorNote } from "@/components/ui/notes";
import { MoneyText } from "@/components/ui/money-text";
import { Skeleton } from "@/components/ui/skeleton";
import { productQuery } from "@/features/catalog/api/get-product";
import { updateProduct } from "@/features/catalog/api/update-product";
import { ProductPicture } from "@/features/catalog/components/product-picture";
import { BriefForm } from "@/features/copywriting/components/brief-form";
import { DraftPane } from "@/features/copywriting/components/draft-pane";
import { useDraft } from "@/features/copywriting/hooks/use-draft";
import { toProblem } from "@/lib/problem";
import { showToast } from "@/lib/toast";
import { useDocumentTitle } from "@/lib/use-document-title";

export function StudioPage() {
  useDocumentTitle("Descriptions");
  const [params, setParams] = useSearchParams();
  const id = params.get("product") ?? "";
  const query = useQuery({ ...productQuery(id), enabled: id !== "" });
  return (
    <div>
      <div className="mb-6 flex flex-wrap items-center justify-between gap-4">
        <h1 className="display text-xl">Description studio</h1>
        <ProductPicker onPick={(product) => setParams({ product: product.id })} />
      </div>
      {id === "" ? (
        <StudioStart onPick={(product) => setParams({ product })} />
      ) : query.error ? (
        <ErrorNote error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data ? (
        <Studio key={query.data.id} product={query.data} />
      ) : (
        <div aria-busy="true" className="grid gap-8 @4xl:grid-cols-[340px_1fr]">
          <Skeleton className="h-[480px]" />
          <Skeleton className="h-[420px]" />
        </div>
      )}
    </div>
  );
}

function Studio({ product }: { product: Product }) {
  const { draft, write, stop, reset, setText } = useDraft();
  const publish = usePublish(product, reset);
  return (
    <div className="grid items-start gap-8 @4xl:grid-cols-[340px_minmax(0,1fr)] @4xl:gap-12">
      <div>
        <div className="mb-6 flex items-center gap-4">
          <ProductPicture className="size-18 rounded-md" product={product} />
          <div className="min-w-0">
            <p className="display text-lg">{product.title}</p>
            <MoneyText className="text-muted" money={product.price} />
          </div>
        </div>
        <BriefForm
          hasDraft={draft.text !== ""}
          onStop={stop}
          onWrite={(request) => void write(request)}
          product={product}
          writing={draft.state === "writing"}
        />
      </div>
      <DraftPane
        current={product.description}
        draft={draft}
        onDiscard={reset}
        onEdit={setText}
        onPublish={() => publish.mutate(draft.text.trim())}
        publishing={publish.isPending}
      />
    </div>
  );
}

/** Put the words on the product page; the words before them are one press away. */
function usePublish(product: Product, onDone: () => void) {
  const client = useQueryClient();
  const keep = (saved: Product) => client.setQueryData(["product", saved.id], saved);
  return useMutation({
    mutationFn: (description: string) => updateProduct(product.id, { description }, product.etag),
    onSuccess: (saved) => {
      keep(saved);
      onDone();
      const undo = async () =>
        keep(await updateProduct(saved.id, { description: product.description }, saved.etag));
      showToast({
        text: `Description of ${saved.title} published`,
        action: { label: "Undo", run: () => void undo() },
      });
    },
    onError: (error) => {
      const { problem } = toProblem(error);
      if (problem.status === 409) void client.invalidateQueries({ queryKey: ["product", product.id] });
      showToast({ tone: "danger", text: `Not published: ${problem.detail}` });
    },
  });
}
