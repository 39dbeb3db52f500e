/** The rooms people walk into next: fetched when there is nothing else to do, so that they open at once. */
const NEXT_ROOMS = [
  () => import("@/app/storefront/pages/product-page"),
  () => import("@/app/storefront/pages/category-page"),
  () => import("@/app/storefront/pages/search-page"),
  () => import("@/app/storefront/pages/basket-page"),
];

const QUIET_MS = 2500;

/** Fetch them once the page has been quiet for a while; a connection that is to be spared is spared. */
export function fetchAhead(): () => void {
  const connection = (navigator as { connection?: { saveData?: boolean } }).connection;
  if (connection?.saveData) return () => undefined;
  const timer = setTimeout(() => {
    // Whoever goes there fetches it again, and hears then if it fails.
    for (const room of NEXT_ROOMS) void room().catch(() => undefined);
  }, QUIET_MS);
  return () => clearTimeout(timer);
}
