import { Link, useNavigate, useSearchParams } from "react-router";
import { AccountFrame } from "@/app/storefront/account-frame";
import { pages } from "@/config/paths";
import { AccountForm } from "@/features/account/components/account-form";
import { OtherIssuers } from "@/features/account/components/other-issuers";
import { SignInProblem } from "@/features/account/components/sign-in-problem";
import { queryClient } from "@/lib/query";
import { safeNext } from "@/lib/safe-next";
import { useDocumentTitle } from "@/lib/use-document-title";

export function SignInPage() {
  useDocumentTitle("Sign in");
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const next = safeNext(params.get("next"));
  return (
    <AccountFrame title="Welcome back">
      <SignInProblem reason={params.get("problem")} />
      <AccountForm
        onDone={(session) => {
          void queryClient.invalidateQueries();
          void navigate(next ?? (session.user.role === "admin" ? pages.admin.products() : pages.home()), {
            replace: true,
          });
        }}
        purpose="sign-in"
      />
      <OtherIssuers next={next ?? pages.home()} />
      <p className="mt-6 text-muted">
        New here?{" "}
        <Link className="quiet-link text-ink" to={pages.register()}>
          Create an account
        </Link>
      </p>
    </AccountFrame>
  );
}
