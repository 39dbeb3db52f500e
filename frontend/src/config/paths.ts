/** Every address the app knows: its own pages and the edge's endpoints. */
const part = encodeURIComponent;

export const pages = {
  home: () => "/",
  category: (id: string) => `/c/${part(id)}`,
  search: (query: string) => `/search?q=${part(query)}`,
  product: (id: string) => `/p/${part(id)}`,
  basket: () => "/basket",
  signIn: (next?: string) => (next ? `/sign-in?next=${part(next)}` : "/sign-in"),
  register: () => "/register",
  account: () => "/account",
  help: () => "/help",
  article: (id: string) => `/help/${part(id)}`,
  admin: {
    products: () => "/admin/products",
    studio: (productId?: string) =>
      productId ? `/admin/studio?product=${part(productId)}` : "/admin/studio",
    metrics: () => "/admin/metrics",
    models: () => "/admin/models",
    gateway: (tab?: string) => (tab ? `/admin/gateway?tab=${part(tab)}` : "/admin/gateway"),
    health: () => "/admin/health",
    traces: () => "/admin/traces",
    trace: (id: string) => `/admin/traces/${part(id)}`,
    mesh: (tab?: string) => (tab ? `/admin/mesh?tab=${part(tab)}` : "/admin/mesh"),
  },
} as const;

const V1 = "/api/v1";

export const endpoints = {
  register: `${V1}/auth/register`,
  login: `${V1}/auth/login`,
  refresh: `${V1}/auth/refresh`,
  logout: `${V1}/auth/logout`,
  issuers: `${V1}/auth/issuers`,
  externalSignIn: (next: string) => `${V1}/auth/oidc/start?next=${part(next)}`,
  categories: `${V1}/categories`,
  products: `${V1}/products`,
  search: `${V1}/products/search`,
  product: (id: string) => `${V1}/products/${part(id)}`,
  reviews: (id: string) => `${V1}/products/${part(id)}/reviews`,
  generateDescription: `${V1}/products/generate-description`,
  recommendations: `${V1}/recommendations`,
  events: `${V1}/events`,
  overview: `${V1}/analytics/overview`,
  report: (name: string) => `${V1}/analytics/${part(name)}`,
  models: `${V1}/analytics/models`,
  mesh: `${V1}/mesh`,
  meshDelivery: (validateOnly: boolean) => `${V1}/mesh/delivery${validateOnly ? "?validate_only=true" : ""}`,
  traces: `${V1}/traces`,
  trace: (id: string) => `${V1}/traces/${part(id)}`,
  health: `${V1}/metrics`,
  gatewayUsage: `${V1}/gateway/usage`,
  gatewayKeys: `${V1}/gateway/keys`,
  gatewayKey: (id: string) => `${V1}/gateway/keys/${part(id)}`,
  gatewayBudgets: `${V1}/gateway/budgets`,
  gatewayBudget: (id: string) => `${V1}/gateway/budgets/${part(id)}`,
  gatewayChanges: `${V1}/gateway/changes`,
  chatSession: (id: string) => `${V1}/chat/sessions/${part(id)}`,
  chatSocket: `${V1}/chat/ws`,
  articles: `${V1}/articles`,
  article: (id: string) => `${V1}/articles/${part(id)}`,
} as const;
