import { useEffect, useRef } from "react";
import { Navigate, NavLink, Outlet, useLocation, useNavigate } from "react-router";
import { OfflineBanner } from "@/components/layouts/offline-banner";
import { ThemeToggle } from "@/components/layouts/theme-toggle";
import { Wordmark } from "@/components/layouts/wordmark";
import { Button } from "@/components/ui/button";
import { EmptyNote } from "@/components/ui/notes";
import { pages } from "@/config/paths";
import { cx } from "@/lib/class-names";
import { endSession } from "@/lib/http";
import { queryClient } from "@/lib/query";
import { useSession } from "@/lib/session";

const ROOMS = [
  [pages.admin.products(), "Products"],
  [pages.admin.studio(), "Descriptions"],
  [pages.admin.metrics(), "Metrics"],
  [pages.admin.models(), "Models"],
  [pages.admin.gateway(), "AI gateway"],
  [pages.admin.mesh(), "Mesh"],
  [pages.admin.health(), "Health"],
  [pages.admin.traces(), "Traces"],
] as const;

/** The staff room: only for staff, and the edge checks that again on each call. */
export function AdminLayout() {
  const user = useSession((state) => state.user);
  const { pathname, search } = useLocation();
  if (!user) return <Navigate replace to={pages.signIn(pathname + search)} />;
  if (user.role !== "admin") return <StaffOnly />;
  return (
    <div className="@container min-h-dvh">
      <OfflineBanner />
      <header className="sticky top-0 z-30 border-b border-line bg-paper">
        <div className="mx-auto flex h-14 max-w-[1440px] items-center gap-6 px-4 @3xl:px-8">
          <Wordmark />
          <Rooms className="hidden gap-5 @4xl:flex @5xl:ml-6 @5xl:gap-6" />
          <div className="ml-auto flex items-center gap-1">
            <ThemeToggle />
            <SignOut name={user.name} />
          </div>
        </div>
        <Rooms className="flex gap-6 overflow-x-auto px-4 @3xl:px-8 @4xl:hidden" />
      </header>
      <main className="mx-auto max-w-[1440px] px-4 py-6 @3xl:px-8" id="content">
        <Outlet />
      </main>
    </div>
  );
}

function Rooms({ className }: { className: string }) {
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On a phone the rooms scroll sideways; the one you are in has to be among those you see.
  useEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>("[aria-current=page]");
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft - nav.current.clientWidth / 2;
  }, [pathname]);
  return (
    <nav aria-label="Staff rooms" className={className} ref={nav}>
      {ROOMS.map(([to, label]) => (
        <NavLink
          className={({ isActive }) =>
            cx(
              "border-b-2 py-3.5 whitespace-nowrap transition-colors hover:text-ink",
              isActive ? "border-ember text-ink" : "border-transparent text-muted",
            )
          }
          key={to}
          to={to}
        >
          {label}
        </NavLink>
      ))}
    </nav>
  );
}

function SignOut({ name }: { name: string }) {
  const navigate = useNavigate();
  return (
    <Button
      onClick={() => {
        endSession();
        queryClient.clear();
        void navigate(pages.home());
      }}
      size="small"
      tone="quiet"
    >
      <span className="hidden max-w-40 truncate text-muted @5xl:inline">{name}</span>
      Sign out
    </Button>
  );
}

function StaffOnly() {
  return (
    <EmptyNote heading="h1" className="min-h-dvh justify-center" title="Staff only beyond this door">
      <p>You are signed in as a shopper. Sign in with a staff account to go on.</p>
      <Button className="mt-6" onClick={endSession} tone="ink">
        Sign in as staff
      </Button>
    </EmptyNote>
  );
}
