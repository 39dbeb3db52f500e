import { useQuery } from "@tanstack/react-query";
import { ButtonLink } from "@/components/ui/button";
import { env } from "@/config/env";
import { endpoints } from "@/config/paths";
import { issuersQuery } from "@/features/account/api/list-issuers";

/** Ways to sign in elsewhere. Nothing is shown where there are none, or as long as nobody knows: the form works. */
export function OtherIssuers({ next }: { next: string }) {
  const { data: issuers = [] } = useQuery(issuersQuery);
  if (issuers.length === 0) return null;
  return (
    <div className="mt-6">
      <p aria-hidden className="mb-4 flex items-center gap-3 text-sm text-muted">
        <span className="h-px flex-1 bg-line" />
        or
        <span className="h-px flex-1 bg-line" />
      </p>
      {issuers.map(({ name }) => (
        // An address of the shop's API that leads to the issuer's page: no page of this app.
        <ButtonLink
          className="w-full"
          data-testid="sign-in-elsewhere"
          key={name}
          reloadDocument
          size="large"
          to={env.apiOrigin + endpoints.externalSignIn(next)}
        >
          Sign in with {name}
        </ButtonLink>
      ))}
    </div>
  );
}
