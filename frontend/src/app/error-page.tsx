import { useRouteError } from "react-router";
import { Button } from "@/components/ui/button";
import { env } from "@/config/env";

/** What is left when a page itself breaks: say so, and offer the two things that help. */
export function ErrorPage() {
  const error = useRouteError();
  return (
    <main className="grid min-h-dvh place-items-center px-6">
      <div className="max-w-md" role="alert">
        <p className="display text-2xl">This page fell off the shelf</p>
        <p className="mt-3 text-muted">
          Something in it went wrong, and it is our doing. Your basket is safe. Load the page again, or start
          from the front door.
        </p>
        {env.isDevelopment && error instanceof Error && (
          <pre className="mt-4 overflow-x-auto text-xs">{error.stack}</pre>
        )}
        <div className="mt-6 flex gap-3">
          <Button onClick={() => window.location.reload()} tone="ink">
            Load again
          </Button>
          <Button onClick={() => window.location.assign("/")}>Go home</Button>
        </div>
      </div>
    </main>
  );
}
