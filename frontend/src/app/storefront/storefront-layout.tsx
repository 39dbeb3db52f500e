import { useEffect } from "react";
import { Outlet, ScrollRestoration, useLocation, useNavigation } from "react-router";
import basketPicture from "@lobehub/fluent-emoji-3d/assets/1f9fa.webp";
import { AssistantFrame } from "@/features/chat/components/assistant-frame";
import { BasketSheet } from "@/features/cart/components/basket-sheet";
import { OfflineBanner } from "@/components/layouts/offline-banner";
import { ChatProduct, ChatSubject } from "@/app/storefront/chat-product";
import { fetchAhead } from "@/app/storefront/fetch-ahead";
import { SiteFooter } from "@/app/storefront/site-footer";
import { SiteHeader } from "@/app/storefront/site-header";
import { cx } from "@/lib/class-names";
import { track } from "@/lib/events";

export function StorefrontLayout() {
  const { pathname } = useLocation();
  const navigation = useNavigation();
  useEffect(() => fetchAhead(), []);
  useEffect(() => track("page_view", { query: undefined }), [pathname]);
  return (
    <div className="flex items-start">
      <a
        className="fixed top-2 left-2 z-50 -translate-y-24 rounded-full bg-ink px-6 py-3 text-paper focus:translate-y-0"
        href="#content"
      >
        Skip to the content
      </a>
      <div className="@container/main flex min-h-dvh min-w-0 flex-1 flex-col">
        <OfflineBanner />
        <SiteHeader />
        <main
          // Never shorter than the window: the footer stays below it while a page is still on its way.
          className={cx(
            "min-h-dvh flex-1 transition-opacity",
            navigation.state === "loading" && "opacity-60",
          )}
          id="content"
          tabIndex={-1}
        >
          <Outlet />
        </main>
        <SiteFooter />
      </div>
      <AssistantFrame
        renderProduct={(product) => <ChatProduct product={product} />}
        renderSubject={(product) => <ChatSubject product={product} />}
      />
      <BasketSheet picture={basketPicture} />
      <ScrollRestoration getKey={(location) => location.pathname + location.search} />
    </div>
  );
}
