import { Link } from "react-router";
import type { Product, ProductState } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { pages } from "@/config/paths";
import { EditableCell, walkCells } from "@/features/catalog/components/editable-cell";
import { ProductPicture } from "@/features/catalog/components/product-picture";
import { useProductEdits } from "@/features/catalog/hooks/use-product-edits";
import { cx } from "@/lib/class-names";
import { formatDay, formatMoney, formatNumber, minorToText, parseMinor } from "@/lib/format";

const STATES: [ProductState, string][] = [
  ["active", "On sale"],
  ["draft", "Draft"],
  ["archived", "Archived"],
];

/** Everything that is sold, one line each; price, stock and state change in place. */
export function ProductTable({ products }: { products: Product[] }) {
  return (
    <div className="relative overflow-x-auto">
      <table className="w-full min-w-[540px] border-collapse @4xl:min-w-[760px] text-sm">
        <thead className="text-left text-xs text-muted">
          <tr className="border-b border-line-strong">
            <th className="py-2 pr-4 font-medium" scope="col">
              Product
            </th>
            <th className="hidden py-2 pr-4 font-medium @4xl:table-cell" scope="col">
              Department
            </th>
            <th className="w-28 py-2 pr-6 text-right font-medium" scope="col">
              Price
            </th>
            <th className="w-24 py-2 pr-6 text-right font-medium" scope="col">
              Stock
            </th>
            <th className="w-32 py-2 pr-4 font-medium" scope="col">
              State
            </th>
            <th className="hidden py-2 pr-4 text-right font-medium @4xl:table-cell" scope="col">
              Changed
            </th>
            <th className="w-24 py-2" scope="col">
              <span className="sr-only">Acts</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {products.map((product, row) => (
            <ProductRow key={product.id} product={product} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ProductRow({ product, row }: { product: Product; row: number }) {
  const { edit, remove } = useProductEdits();

  const commitPrice = (text: string): string | null => {
    const minor = parseMinor(text, product.price.currency);
    if (minor === null || minor <= 0) return "An amount such as 49.00";
    const price = { ...product.price, minor };
    void edit(
      product,
      { price },
      { price: product.price },
      `${product.title} now costs ${formatMoney(price)}`,
    );
    return null;
  };
  const commitStock = (text: string): string | null => {
    if (!/^\d{1,7}$/.test(text.trim())) return "A whole number, 0 or more";
    const stock = Number(text);
    void edit(
      product,
      { stock_quantity: stock },
      { stock_quantity: product.stock_quantity },
      `${formatNumber(stock)} of ${product.title} in stock`,
    );
    return null;
  };

  return (
    <tr className="group border-b border-line transition-colors hover:bg-surface">
      <td className="py-0.5 pr-4">
        <div className="flex items-center gap-3">
          <ProductPicture className="size-8 shrink-0 rounded-sm" product={product} />
          <Link
            className="max-w-[16ch] truncate font-medium hover:underline @2xl:max-w-[34ch]"
            to={pages.product(product.id)}
          >
            {product.title}
          </Link>
          <span className="hidden truncate text-xs text-muted @4xl:inline">{product.brand}</span>
        </div>
      </td>
      <td className="hidden py-0.5 pr-4 whitespace-nowrap text-muted @4xl:table-cell">
        {product.category.title}
      </td>
      <td className="py-0.5 pr-6">
        <EditableCell
          column={0}
          label={`Price of ${product.title}`}
          onCommit={commitPrice}
          row={row}
          shown={formatMoney(product.price)}
          value={minorToText(product.price.minor, product.price.currency)}
        />
      </td>
      <td className={cx("py-0.5 pr-6", product.stock_quantity === 0 && "text-brick-ink")}>
        <EditableCell
          column={1}
          label={`Stock of ${product.title}`}
          onCommit={commitStock}
          row={row}
          shown={formatNumber(product.stock_quantity)}
          value={String(product.stock_quantity)}
        />
      </td>
      <td className="min-w-32 py-0.5 pr-4">
        <StateSelect product={product} row={row} />
      </td>
      <td className="figures hidden py-0.5 pr-4 text-right whitespace-nowrap text-muted @4xl:table-cell">
        {formatDay(product.update_time)}
      </td>
      <td className="py-0.5">
        <div className="flex justify-end opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
          <Link
            aria-label={`Write about ${product.title}`}
            className="grid h-8 place-items-center rounded-full px-3 text-xs font-medium hover:bg-sunk"
            to={pages.admin.studio(product.id)}
          >
            Write
          </Link>
          <Button
            aria-label={`Delete ${product.title}`}
            onClick={() => remove(product)}
            size="iconSmall"
            tone="quiet"
          >
            <Icon name="trash" size={16} />
          </Button>
        </div>
      </td>
    </tr>
  );
}

function StateSelect({ product, row }: { product: Product; row: number }) {
  const { edit } = useProductEdits();
  const dot = { active: "bg-moss", draft: "bg-ember", archived: "bg-line-strong" }[product.state];
  return (
    <label className="flex items-center gap-2">
      <span aria-hidden="true" className={cx("size-2 shrink-0 rounded-full", dot)} />
      <span className="sr-only">State of {product.title}</span>
      <select
        className="w-full cursor-pointer appearance-none -ml-1 rounded-sm bg-transparent px-1 py-1 hover:bg-sunk"
        data-cell={`${String(row)}:2`}
        onChange={(event) => {
          const state = event.target.value as ProductState;
          const name = STATES.find(([each]) => each === state)?.[1].toLowerCase() ?? state;
          void edit(product, { state }, { state: product.state }, `${product.title}: ${name}`);
        }}
        onKeyDown={(event) => {
          // Up and down belong to the choice itself.
          if (event.key === "ArrowLeft" || event.key === "ArrowRight") walkCells(event, row, 2);
        }}
        value={product.state}
      >
        {STATES.map(([state, label]) => (
          <option key={state} value={state}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
