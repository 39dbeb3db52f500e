import { AskIntro } from "@/app/storefront/home/ask-intro";
import { DepartmentIndex } from "@/app/storefront/home/department-index";
import { FieldNotes } from "@/app/storefront/home/field-notes";
import { Hero } from "@/app/storefront/home/hero";
import { shelfCard } from "@/app/storefront/shop-card";
import { Shelves } from "@/features/recommendations/components/shelves";
import { useDocumentTitle } from "@/lib/use-document-title";

const card = shelfCard("home");

export function HomePage() {
  useDocumentTitle();
  return (
    <div className="space-y-18 pt-4 @3xl:space-y-[112px] @3xl:pt-6">
      <Hero />
      <div className="page">
        <Shelves from={0} placement="home" renderProduct={card} to={1} />
      </div>
      <DepartmentIndex />
      <AskIntro />
      <div className="page">
        <Shelves from={1} placement="home" renderProduct={card} to={2} />
      </div>
      <FieldNotes />
      <div className="page space-y-18 empty:hidden">
        <Shelves from={2} placement="home" renderProduct={card} />
      </div>
    </div>
  );
}
