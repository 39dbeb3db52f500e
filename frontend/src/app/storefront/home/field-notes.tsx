import { Link } from "react-router";
import books from "@lobehub/fluent-emoji-3d/assets/1f4da.webp";
import clock from "@lobehub/fluent-emoji-3d/assets/23f0.webp";
import candle from "@lobehub/fluent-emoji-3d/assets/1f56f-fe0f.webp";
import tea from "@lobehub/fluent-emoji-3d/assets/1f375.webp";
import { Scene } from "@/components/ui/scene";
import { pages } from "@/config/paths";

const MOVES = [
  [
    "Bring the light down",
    "One lamp at the height of your shoulder does more than three at the ceiling.",
    "Low lamps",
    "small lamp with soft light",
  ],
  [
    "Keep something hot in reach",
    "A pot with a lid, a cup with weight. The second cup is the one you came for.",
    "Pots and cups",
    "teapot or mug that keeps tea hot",
  ],
  [
    "Leave the telephone in the hall",
    "Put a book where it used to lie, and a clock that does nothing but tell the time.",
    "Instead of a screen",
    "quiet evening without screens",
  ],
] as const;

/** A page from the shop's own magazine. */
export function FieldNotes() {
  return (
    <section aria-labelledby="field-notes" className="page grid gap-8 @4xl:grid-cols-[5fr_6fr] @4xl:gap-18">
      <Scene
        backdrop="arch"
        className="aspect-[4/3] rounded-lg @4xl:aspect-auto @4xl:min-h-[520px]"
        ground="var(--tint-sand-5)"
        props={[
          { picture: candle, at: 37, size: 38, stand: 79 },
          { picture: books, at: 62, size: 40, stand: 82 },
          { picture: tea, at: 24, size: 27, stand: 90 },
          { picture: clock, at: 84, size: 20, stand: 88 },
        ]}
      />
      <div className="self-center">
        <p className="font-medium text-ember-ink">Notes from the house</p>
        <h2 className="display mt-3 text-2xl @3xl:text-3xl" id="field-notes">
          A better evening in three small moves
        </h2>
        <ol className="mt-8">
          {MOVES.map(([title, text, label, query], index) => (
            <li className="grid grid-cols-[2rem_1fr] border-t border-line py-6" key={title}>
              <span aria-hidden="true" className="display text-lg text-ember-ink">
                {index + 1}
              </span>
              <div>
                <h3 className="font-semibold">{title}</h3>
                <p className="mt-1 max-w-[48ch] text-muted">{text}</p>
                <Link className="quiet-link mt-2 inline-block" to={pages.search(query)}>
                  {label}
                </Link>
              </div>
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}
