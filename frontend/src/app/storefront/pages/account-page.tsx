import { Navigate, useNavigate } from "react-router";
import { AccountFrame } from "@/app/storefront/account-frame";
import { Button, ButtonLink } from "@/components/ui/button";
import { pages } from "@/config/paths";
import { endSession } from "@/lib/http";
import { queryClient } from "@/lib/query";
import { useSession } from "@/lib/session";
import { useDocumentTitle } from "@/lib/use-document-title";

export function AccountPage() {
  useDocumentTitle("Your account");
  const user = useSession((state) => state.user);
  const navigate = useNavigate();
  if (!user) return <Navigate replace to={pages.signIn(pages.account())} />;
  return (
    <AccountFrame title={`Hello, ${user.name.split(" ")[0] ?? user.name}`}>
      <dl className="border-t border-line">
        {[
          ["Name", user.name],
          ["Email", user.email],
          ["Kind of account", user.role === "admin" ? "Staff" : "Shopper"],
        ].map(([label, value]) => (
          <div className="flex justify-between gap-4 border-b border-line py-3" key={label}>
            <dt className="text-muted">{label}</dt>
            <dd className="min-w-0 truncate">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-6 flex flex-wrap gap-3">
        {user.role === "admin" && (
          <ButtonLink to={pages.admin.products()} tone="ink">
            Go to the staff room
          </ButtonLink>
        )}
        <Button
          onClick={() => {
            endSession();
            queryClient.clear();
            void navigate(pages.home());
          }}
        >
          Sign out
        </Button>
      </div>
    </AccountFrame>
  );
}
