import { Link, useNavigate } from "react-router";
import { AccountFrame } from "@/app/storefront/account-frame";
import { pages } from "@/config/paths";
import { AccountForm } from "@/features/account/components/account-form";
import { queryClient } from "@/lib/query";
import { useDocumentTitle } from "@/lib/use-document-title";

export function RegisterPage() {
  useDocumentTitle("Create an account");
  const navigate = useNavigate();
  return (
    <AccountFrame title="Make yourself at home">
      <AccountForm
        onDone={() => {
          void queryClient.invalidateQueries();
          void navigate(pages.home(), { replace: true });
        }}
        purpose="register"
      />
      <p className="mt-6 text-muted">
        Been here before?{" "}
        <Link className="quiet-link text-ink" to={pages.signIn()}>
          Sign in
        </Link>
      </p>
    </AccountFrame>
  );
}
