import { createBrowserRouter, Navigate, type RouteObject } from "react-router";
import { ErrorPage } from "@/app/error-page";
import { NotFoundPage } from "@/app/storefront/pages/not-found-page";
import { StorefrontLayout } from "@/app/storefront/storefront-layout";
import { HomePage } from "@/app/storefront/pages/home-page";
import { pages } from "@/config/paths";

const storefrontPages: RouteObject[] = [
  { path: "/", element: <HomePage /> },
  {
    path: "/c/:category",
    lazy: async () => ({
      Component: (await import("@/app/storefront/pages/category-page")).CategoryPage,
    }),
  },
  {
    path: "/search",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/search-page")).SearchPage }),
  },
  {
    path: "/p/:id",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/product-page")).ProductPage }),
  },
  {
    path: "/basket",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/basket-page")).BasketPage }),
  },
  {
    path: "/help",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/help-page")).HelpPage }),
  },
  {
    path: "/help/:id",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/article-page")).ArticlePage }),
  },
  {
    path: "/sign-in",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/sign-in-page")).SignInPage }),
  },
  {
    path: "/signed-in",
    lazy: async () => ({
      Component: (await import("@/app/storefront/pages/signed-in-page")).SignedInPage,
    }),
  },
  {
    path: "/register",
    lazy: async () => ({
      Component: (await import("@/app/storefront/pages/register-page")).RegisterPage,
    }),
  },
  {
    path: "/account",
    lazy: async () => ({ Component: (await import("@/app/storefront/pages/account-page")).AccountPage }),
  },
  { path: "*", element: <NotFoundPage /> },
];

export const router = createBrowserRouter([
  {
    element: <StorefrontLayout />,
    errorElement: <ErrorPage />,
    hydrateFallbackElement: <></>,
    children: [
      // A page that breaks leaves the header, the basket and the assistant standing.
      { errorElement: <ErrorPage />, children: storefrontPages },
    ],
  },
  {
    path: "/admin",
    lazy: async () => ({ Component: (await import("@/app/admin/admin-layout")).AdminLayout }),
    errorElement: <ErrorPage />,
    hydrateFallbackElement: <></>,
    children: [
      { index: true, element: <Navigate replace to={pages.admin.products()} /> },
      {
        path: "products",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/products-page")).ProductsPage }),
      },
      {
        path: "studio",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/studio-page")).StudioPage }),
      },
      {
        path: "metrics",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/metrics-page")).MetricsPage }),
      },
      {
        path: "models",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/models-page")).ModelsPage }),
      },
      {
        path: "gateway",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/gateway-page")).GatewayPage }),
      },
      {
        path: "mesh",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/mesh-page")).MeshPage }),
      },
      {
        path: "health",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/health-page")).HealthPage }),
      },
      {
        path: "traces",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/traces-page")).TracesPage }),
      },
      {
        path: "traces/:traceId",
        lazy: async () => ({ Component: (await import("@/app/admin/pages/trace-page")).TracePage }),
      },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
