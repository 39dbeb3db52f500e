import { Link, useNavigate, useSearchParams } from "react-router";
import { AccountFrame } from "@/app/storefront/account-frame";
import { pages } from "@/config/paths";
import { AccountForm } from "@/features/account/components/account-form";
import { queryClient } from "@/lib/query";
import { useDocumentTitle } from "@/lib/use-document-title";

/** Only a path of our own may be gone to after signing in. */
export function safeNext(raw: string | null): string | null {
  return raw && /^\/(?![/\\])/.test(raw) ? raw : null;
}

export function SignInPage() {
  useDocumentTitle("Sign in");
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const next = safeNext(params.get("next"));
  return (
    <AccountFrame title="Welcome back">
      <AccountForm
        onDone={(session) => {
          void queryClient.invalidateQueries();
          void navigate(next ?? (session.user.role === "admin" ? pages.admin.products() : pages.home()), {
            replace: true,
          });
        }}
        purpose="sign-in"
      />
      <p className="mt-6 text-muted">
        New here?{" "}
        <Link className="quiet-link text-ink" to={pages.register()}>
          Create an account
        </Link>
      </p>
    </AccountFrame>
  );
}
