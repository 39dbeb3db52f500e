import key from "@lobehub/fluent-emoji-3d/assets/1f5dd-fe0f.webp";
import { ButtonLink } from "@/components/ui/button";
import { EmptyNote } from "@/components/ui/notes";
import { pages } from "@/config/paths";
import { useDocumentTitle } from "@/lib/use-document-title";

export function NotFoundPage({ what = "page" }: { what?: "page" | "product" | "article" }) {
  useDocumentTitle("Not found");
  const words = {
    page: ["No door here", "This address leads nowhere. It may have had a letter too many."],
    product: [
      "We no longer have this",
      "It has left the shelves, or was never on them. Something close may still be here.",
    ],
    article: ["This page was taken down", "The help pages cover the rest, and the assistant reads them all."],
  }[what];
  return (
    <EmptyNote heading="h1" className="min-h-[60dvh] justify-center" picture={key} title={words[0] ?? ""}>
      <p>{words[1]}</p>
      <ButtonLink className="mt-6" to={what === "article" ? pages.help() : pages.home()} tone="ink">
        {what === "article" ? "All help pages" : "Back to the front door"}
      </ButtonLink>
    </EmptyNote>
  );
}
