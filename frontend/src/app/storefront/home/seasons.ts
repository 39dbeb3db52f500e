import candle from "@lobehub/fluent-emoji-3d/assets/1f56f-fe0f.webp";
import lantern from "@lobehub/fluent-emoji-3d/assets/1f3ee.webp";
import chair from "@lobehub/fluent-emoji-3d/assets/1fa91.webp";
import plant from "@lobehub/fluent-emoji-3d/assets/1fab4.webp";
import basket from "@lobehub/fluent-emoji-3d/assets/1f9fa.webp";
import boot from "@lobehub/fluent-emoji-3d/assets/1f97e.webp";
import amphora from "@lobehub/fluent-emoji-3d/assets/1f3fa.webp";
import tea from "@lobehub/fluent-emoji-3d/assets/1f375.webp";
import bicycle from "@lobehub/fluent-emoji-3d/assets/1f6b2.webp";
import hyacinth from "@lobehub/fluent-emoji-3d/assets/1fabb.webp";
import bear from "@lobehub/fluent-emoji-3d/assets/1f9f8.webp";
import radio from "@lobehub/fluent-emoji-3d/assets/1f4fb.webp";
import type { Prop } from "@/components/ui/scene";
import { pages } from "@/config/paths";

export interface Season {
  name: string;
  kicker: string;
  headline: string;
  text: string;
  act: { label: string; to: string };
  ground: string;
  props: Prop[];
}

const winter: Season = {
  name: "winter",
  kicker: "Winter, indoors",
  headline: "Long nights, well lit.",
  text: "Candles that burn evenly, wool that does not itch, and a pot that keeps its heat through a second cup.",
  act: { label: "See what keeps warm", to: pages.search("warm and cosy for long winter nights") },
  ground: "var(--tint-sand-10)",
  props: [
    { picture: lantern, at: 80, size: 25, stand: 0 },
    { picture: chair, at: 40, size: 47, stand: 80 },
    { picture: bear, at: 66, size: 30, stand: 85 },
    { picture: candle, at: 88, size: 24, stand: 91 },
    { picture: tea, at: 16, size: 22, stand: 90 },
  ],
};

const spring: Season = {
  name: "spring",
  kicker: "Spring, with the door open",
  headline: "Open every window.",
  text: "Pots for the sill, linen for the bed and a bicycle bell for whoever is in the way of the sun.",
  act: { label: "See what is fresh", to: pages.search("light and fresh things for spring at home") },
  ground: "var(--tint-sand-8)",
  props: [
    { picture: bicycle, at: 62, size: 54, stand: 82 },
    { picture: plant, at: 25, size: 40, stand: 80 },
    { picture: hyacinth, at: 93, size: 28, stand: 88 },
    { picture: basket, at: 40, size: 24, stand: 92 },
  ],
};

const summer: Season = {
  name: "summer",
  kicker: "Summer, out early",
  headline: "Leave before it is hot.",
  text: "A basket that carries lunch, boots that know the path, and a radio for the long way back.",
  act: { label: "Pack for a day out", to: pages.search("for a picnic and a long day outside") },
  ground: "var(--tint-sand-6)",
  props: [
    { picture: bicycle, at: 66, size: 54, stand: 80 },
    { picture: basket, at: 32, size: 36, stand: 84 },
    { picture: radio, at: 90, size: 24, stand: 91 },
    { picture: boot, at: 14, size: 22, stand: 92 },
  ],
};

const autumn: Season = {
  name: "autumn",
  kicker: "Late autumn, lamps on",
  headline: "The evenings draw in.",
  text: "Lower the light, warm the pot, put wool where your hands go. A few good things for the end of the day.",
  act: { label: "Furnish an evening", to: pages.search("soft light and warmth for dark evenings") },
  ground: "var(--tint-sand-3)",
  props: [
    { picture: lantern, at: 79, size: 29, stand: 0 },
    { picture: chair, at: 47, size: 50, stand: 79 },
    { picture: plant, at: 18, size: 36, stand: 78 },
    { picture: basket, at: 76, size: 31, stand: 85 },
    { picture: candle, at: 95, size: 22, stand: 90 },
    { picture: amphora, at: 29, size: 21, stand: 90 },
  ],
};

/** The season of a date in the northern half of the world, where the shop is. */
export function seasonOf(date: Date): Season {
  const month = date.getMonth();
  if (month === 11 || month <= 1) return winter;
  if (month <= 4) return spring;
  if (month <= 7) return summer;
  return autumn;
}
