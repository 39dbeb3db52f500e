import { useEffect, useState } from "react";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { AccountFrame } from "@/app/storefront/account-frame";
import { pages } from "@/config/paths";
import { refreshSession } from "@/lib/http";
import { queryClient } from "@/lib/query";
import { safeNext } from "@/lib/safe-next";
import { useDocumentTitle } from "@/lib/use-document-title";

/** Where somebody arrives who has signed in elsewhere: the cookie is there, and the page finds out whose it is. */
export function SignedInPage() {
  useDocumentTitle("Signing in");
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const [failed, setFailed] = useState(false);
  const next = safeNext(params.get("next")) ?? pages.home();
  useEffect(() => {
    void refreshSession().then((signedIn) => {
      if (!signedIn) {
        setFailed(true);
        return;
      }
      void queryClient.invalidateQueries();
      void navigate(next, { replace: true });
    });
  }, [navigate, next]);
  if (failed) return <Navigate replace to={`${pages.signIn(next)}&problem=SIGN_IN_REFUSED`} />;
  return (
    <AccountFrame title="Signing you in">
      <p className="text-muted" role="status">
        One moment.
      </p>
    </AccountFrame>
  );
}
