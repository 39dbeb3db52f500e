import { useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Product, ProductPage } from "@/api/types";
import { deleteProduct } from "@/features/catalog/api/delete-product";
import { updateProduct, type ProductChange } from "@/features/catalog/api/update-product";
import { toProblem } from "@/lib/problem";
import { showToast } from "@/lib/toast";

type Pages = InfiniteData<ProductPage, string>;

const UNDO_MS = 6000;
const LISTS = { queryKey: ["admin-products"] };

/** Changes show at once and say how to take them back; nobody is asked whether they are sure. */
export function useProductEdits() {
  const client = useQueryClient();

  const mapProducts = useCallback(
    (change: (products: Product[]) => Product[]) => {
      client.setQueriesData<Pages>(LISTS, (data) =>
        data
          ? { ...data, pages: data.pages.map((page) => ({ ...page, products: change(page.products) })) }
          : data,
      );
    },
    [client],
  );
  const put = useCallback(
    (product: Product) =>
      mapProducts((products) => products.map((each) => (each.id === product.id ? product : each))),
    [mapProducts],
  );

  const send = useCallback(
    async (product: Product, change: ProductChange): Promise<Product | null> => {
      put({ ...product, ...change, list_price: change.list_price ?? product.list_price });
      try {
        const saved = await updateProduct(product.id, change, product.etag);
        put(saved);
        client.setQueryData(["product", saved.id], saved);
        return saved;
      } catch (error) {
        put(product);
        const { problem } = toProblem(error);
        const stale = problem.status === 409;
        if (stale) void client.invalidateQueries(LISTS);
        showToast({
          tone: "danger",
          text: stale
            ? "Somebody changed it first. Here is how it stands now."
            : `Not saved: ${problem.detail}`,
        });
        return null;
      }
    },
    [client, put],
  );

  const edit = useCallback(
    async (product: Product, change: ProductChange, before: ProductChange, said: string) => {
      const saved = await send(product, change);
      if (saved) showToast({ text: said, action: { label: "Undo", run: () => void send(saved, before) } });
    },
    [send],
  );

  /** The row goes at once; the shop is told only when there is no more taking it back. */
  const remove = useCallback(
    (product: Product) => {
      mapProducts((products) => products.filter((each) => each.id !== product.id));
      const settle = () => {
        clearTimeout(timer);
        window.removeEventListener("pagehide", tell);
      };
      const tell = () => {
        settle();
        deleteProduct(product.id).catch((error: unknown) => {
          showToast({ tone: "danger", text: `Not deleted: ${toProblem(error).problem.detail}` });
          void client.invalidateQueries(LISTS);
        });
      };
      const timer = setTimeout(tell, UNDO_MS);
      // Whoever leaves before the time is up meant it.
      window.addEventListener("pagehide", tell);
      showToast({
        text: `${product.title} deleted`,
        lifeMs: UNDO_MS - 200,
        action: {
          label: "Undo",
          run: () => {
            settle();
            void client.invalidateQueries(LISTS);
          },
        },
      });
    },
    [client, mapProducts],
  );

  return { edit, remove };
}
