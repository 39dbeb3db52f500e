import { useRouteError } from "react-router";
import { Button } from "@/components/ui/button";
import { env } from "@/config/env";

/** A part of the shop that could not be fetched: the connection is gone, or the shop was renewed meanwhile. */
const isOutOfReach = (error: unknown): boolean =>
  error instanceof TypeError && /import|module|fetch/i.test(error.message);

const WORDS = {
  broken: [
    "This page fell off the shelf",
    "Something in it went wrong, and it is our doing. Your basket is safe. Load the page again, or start from the front door.",
  ],
  outOfReach: [
    "We could not fetch this page",
    "Your basket is safe. Check your connection, then load the page again.",
  ],
} as const;

/** What is left when a page itself breaks: say so, and offer the two things that help. */
export function ErrorPage() {
  const error = useRouteError();
  const [title, text] = isOutOfReach(error) ? WORDS.outOfReach : WORDS.broken;
  return (
    <div className="grid min-h-[70dvh] place-items-center px-6">
      <div className="max-w-md" role="alert">
        <p className="display text-2xl">{title}</p>
        <p className="mt-3 text-muted">{text}</p>
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
    </div>
  );
}
