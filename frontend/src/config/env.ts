/** What the build is told, read once; nothing else touches import.meta.env. */
export const env = {
  isDevelopment: import.meta.env.DEV,
  /** Empty means the origin that served the page. */
  apiOrigin: (import.meta.env.VITE_API_ORIGIN as string | undefined) ?? "",
} as const;

/** House terms the storefront states; the help articles say the same in more words. */
export const terms = {
  locale: "en-IE",
  currency: "EUR",
  freeDeliveryFromMinor: 6000,
  deliveryMinor: 490,
  fewLeft: 5,
} as const;
