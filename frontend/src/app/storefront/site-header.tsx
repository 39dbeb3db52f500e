import { useEffect, useRef, useState, type ReactNode } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { useQuery } from "@tanstack/react-query";
import { SearchForm } from "@/app/storefront/search-form";
import { ThemeToggle } from "@/components/layouts/theme-toggle";
import { Wordmark } from "@/components/layouts/wordmark";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { Sheet } from "@/components/ui/sheet";
import { pages } from "@/config/paths";
import { categoriesQuery } from "@/features/catalog/api/list-categories";
import { countOf, useCart } from "@/features/cart/stores/cart-store";
import { useChat } from "@/features/chat/stores/chat-store";
import { cx } from "@/lib/class-names";
import { useSession } from "@/lib/session";

export function SiteHeader() {
  return (
    <header className="sticky top-0 z-30 bg-paper">
      <div className="page flex flex-wrap items-center gap-x-1 pb-3 @3xl:h-18 @3xl:flex-nowrap @3xl:gap-x-8 @3xl:pb-0">
        <div className="-ml-3 @3xl:hidden">
          <DepartmentMenu>
            {(open) => (
              <Button aria-label="Departments" onClick={open} size="icon" tone="quiet">
                <Icon name="menu" />
              </Button>
            )}
          </DepartmentMenu>
        </div>
        <Wordmark />
        <div className="order-last flex w-full justify-center @3xl:order-none @3xl:w-auto @3xl:flex-1">
          <SearchForm />
        </div>
        <div className="-mr-3 ml-auto flex h-16 items-center @3xl:ml-0">
          <AccountLink />
          <span className="hidden @xl:block">
            <ThemeToggle />
          </span>
          <AssistantToggle />
          <BasketToggle />
        </div>
      </div>
      <DepartmentLine />
    </header>
  );
}

function DepartmentLine() {
  const { data } = useQuery(categoriesQuery);
  const { pathname } = useLocation();
  const line = useRef<HTMLUListElement>(null);
  // The department you are in is never the one that is cut off.
  useEffect(() => {
    const list = line.current;
    const here = list?.querySelector<HTMLElement>("[aria-current=page]");
    if (list && here) list.scrollLeft = here.offsetLeft - (list.clientWidth - here.offsetWidth) / 2;
  }, [pathname, data]);
  return (
    <nav aria-label="Departments" className="hidden border-b border-line @3xl:block">
      <div className="page flex h-11 items-center gap-5 text-sm">
        <ul
          ref={line}
          className="relative flex h-full min-w-0 flex-1 items-center gap-5 overflow-x-auto pr-8 [mask-image:linear-gradient(to_right,black_calc(100%-48px),transparent)] [scrollbar-width:none]"
        >
          {data?.map((category) => (
            <li className="shrink-0" key={category.id}>
              <NavLink
                className={({ isActive }) =>
                  cx(
                    "border-b-2 py-2.5 transition-colors hover:text-ink",
                    isActive ? "border-ember text-ink" : "border-transparent text-muted",
                  )
                }
                to={pages.category(category.id)}
              >
                {category.title}
              </NavLink>
            </li>
          ))}
        </ul>
        {/* More than fit on the line: all of them are one press away. */}
        <DepartmentMenu>
          {(open) => (
            <button
              className="inline-flex h-11 shrink-0 items-center gap-2 font-medium decoration-line-strong underline-offset-4 hover:underline"
              onClick={open}
              type="button"
            >
              <Icon name="menu" size={16} />
              All departments
            </button>
          )}
        </DepartmentMenu>
      </div>
    </nav>
  );
}

/** Every department in a sheet, opened by whatever stands for it where it is put. */
function DepartmentMenu({ children }: { children: (open: () => void) => ReactNode }) {
  const [open, setOpen] = useState(false);
  const { data } = useQuery(categoriesQuery);
  const close = () => setOpen(false);
  return (
    <>
      {children(() => setOpen(true))}
      <Sheet onClose={close} open={open} side="left" title="Departments">
        <ul>
          {data?.map((category) => (
            <li className="border-b border-line" key={category.id}>
              <Link
                className="flex items-baseline justify-between py-3"
                onClick={close}
                to={pages.category(category.id)}
              >
                <span className="display text-lg">{category.title}</span>
                <span className="figures text-xs text-muted">{category.product_count}</span>
              </Link>
            </li>
          ))}
        </ul>
        <div className="mt-6 flex items-center justify-between">
          <Link className="quiet-link" onClick={close} to={pages.help()}>
            Help pages
          </Link>
          <ThemeToggle />
        </div>
      </Sheet>
    </>
  );
}

function AccountLink() {
  const user = useSession((state) => state.user);
  return (
    <Link
      aria-label={user ? `Account of ${user.name}` : "Sign in"}
      className="inline-flex h-11 min-w-11 items-center justify-center gap-2 rounded-full transition-colors hover:bg-sunk @5xl:px-3"
      to={user ? pages.account() : pages.signIn()}
    >
      <Icon name="person" />
      <span className="hidden max-w-32 truncate text-sm @5xl:inline">
        {user ? user.name.split(" ")[0] : "Sign in"}
      </span>
    </Link>
  );
}

function AssistantToggle() {
  const open = useChat((state) => state.open);
  const setOpen = useChat((state) => state.setOpen);
  return (
    <Button
      aria-expanded={open}
      aria-label="Ask the shop"
      className="min-w-11 gap-1.5! px-2! @5xl:px-4!"
      data-testid="assistant-toggle"
      onClick={() => setOpen(!open)}
      tone="quiet"
    >
      <Icon name="speech" />
      <span className="hidden @md:inline">Ask</span>
    </Button>
  );
}

function BasketToggle() {
  const count = useCart((state) => countOf(state.lines));
  const setOpen = useCart((state) => state.setOpen);
  return (
    <button
      aria-label={`Basket, ${String(count)} in it`}
      className="relative grid size-11 place-items-center rounded-full transition-colors hover:bg-sunk"
      onClick={() => setOpen(true)}
      type="button"
    >
      <Icon name="basket" />
      {count > 0 && (
        <span
          className="figures absolute top-0.5 right-0 grid h-4.5 min-w-4.5 animate-rise place-items-center rounded-full bg-ember-fill px-1 text-[11px] leading-none font-semibold text-(--on-ember)"
          key={count}
        >
          {count}
        </span>
      )}
    </button>
  );
}
