import type { ReactNode } from "react";
import lantern from "@lobehub/fluent-emoji-3d/assets/1f3ee.webp";
import plant from "@lobehub/fluent-emoji-3d/assets/1fab4.webp";
import chair from "@lobehub/fluent-emoji-3d/assets/1fa91.webp";
import { Scene } from "@/components/ui/scene";

/** A quiet room beside the form. */
export function AccountFrame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="page grid gap-12 pt-6 @4xl:grid-cols-2 @4xl:gap-18">
      <Scene
        backdrop="arch"
        className="hidden h-[560px] rounded-lg @4xl:block"
        ground="var(--tint-sand-9)"
        props={[
          { picture: lantern, at: 50, size: 24, stand: 0 },
          { picture: chair, at: 54, size: 44, stand: 80 },
          { picture: plant, at: 24, size: 30, stand: 83 },
        ]}
      />
      <div className="mx-auto w-full max-w-sm self-center py-6">
        <h1 className="display mb-6 text-2xl">{title}</h1>
        {children}
      </div>
    </div>
  );
}
