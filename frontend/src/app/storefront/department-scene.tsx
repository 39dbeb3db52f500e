import amphora from "@lobehub/fluent-emoji-3d/assets/1f3fa.webp";
import basket from "@lobehub/fluent-emoji-3d/assets/1f9fa.webp";
import bear from "@lobehub/fluent-emoji-3d/assets/1f9f8.webp";
import bed from "@lobehub/fluent-emoji-3d/assets/1f6cf-fe0f.webp";
import bicycle from "@lobehub/fluent-emoji-3d/assets/1f6b2.webp";
import bone from "@lobehub/fluent-emoji-3d/assets/1f9b4.webp";
import books from "@lobehub/fluent-emoji-3d/assets/1f4da.webp";
import boot from "@lobehub/fluent-emoji-3d/assets/1f462.webp";
import bread from "@lobehub/fluent-emoji-3d/assets/1f35e.webp";
import bulb from "@lobehub/fluent-emoji-3d/assets/1f4a1.webp";
import cake from "@lobehub/fluent-emoji-3d/assets/1f9c1.webp";
import camera from "@lobehub/fluent-emoji-3d/assets/1f4f7.webp";
import candle from "@lobehub/fluent-emoji-3d/assets/1f56f-fe0f.webp";
import cat from "@lobehub/fluent-emoji-3d/assets/1f408.webp";
import chair from "@lobehub/fluent-emoji-3d/assets/1fa91.webp";
import coat from "@lobehub/fluent-emoji-3d/assets/1f9e5.webp";
import coffee from "@lobehub/fluent-emoji-3d/assets/2615.webp";
import dress from "@lobehub/fluent-emoji-3d/assets/1f457.webp";
import drum from "@lobehub/fluent-emoji-3d/assets/1f941.webp";
import glass from "@lobehub/fluent-emoji-3d/assets/1f377.webp";
import gloves from "@lobehub/fluent-emoji-3d/assets/1f9e4.webp";
import guitar from "@lobehub/fluent-emoji-3d/assets/1f3b8.webp";
import hat from "@lobehub/fluent-emoji-3d/assets/1f3a9.webp";
import headphones from "@lobehub/fluent-emoji-3d/assets/1f3a7.webp";
import hikingBoot from "@lobehub/fluent-emoji-3d/assets/1f97e.webp";
import honey from "@lobehub/fluent-emoji-3d/assets/1f36f.webp";
import kite from "@lobehub/fluent-emoji-3d/assets/1fa81.webp";
import lantern from "@lobehub/fluent-emoji-3d/assets/1f3ee.webp";
import lotion from "@lobehub/fluent-emoji-3d/assets/1f9f4.webp";
import notebook from "@lobehub/fluent-emoji-3d/assets/1f4d3.webp";
import pail from "@lobehub/fluent-emoji-3d/assets/1faa3.webp";
import pan from "@lobehub/fluent-emoji-3d/assets/1f373.webp";
import pencil from "@lobehub/fluent-emoji-3d/assets/270f-fe0f.webp";
import plant from "@lobehub/fluent-emoji-3d/assets/1fab4.webp";
import plate from "@lobehub/fluent-emoji-3d/assets/1f37d-fe0f.webp";
import pot from "@lobehub/fluent-emoji-3d/assets/1fad5.webp";
import radio from "@lobehub/fluent-emoji-3d/assets/1f4fb.webp";
import rucksack from "@lobehub/fluent-emoji-3d/assets/1f392.webp";
import scarf from "@lobehub/fluent-emoji-3d/assets/1f9e3.webp";
import soap from "@lobehub/fluent-emoji-3d/assets/1f9fc.webp";
import sofa from "@lobehub/fluent-emoji-3d/assets/1f6cb-fe0f.webp";
import spool from "@lobehub/fluent-emoji-3d/assets/1f9f5.webp";
import suitcase from "@lobehub/fluent-emoji-3d/assets/1f9f3.webp";
import sunflower from "@lobehub/fluent-emoji-3d/assets/1f33b.webp";
import tea from "@lobehub/fluent-emoji-3d/assets/1f375.webp";
import teapot from "@lobehub/fluent-emoji-3d/assets/1fad6.webp";
import tent from "@lobehub/fluent-emoji-3d/assets/26fa.webp";
import trainer from "@lobehub/fluent-emoji-3d/assets/1f45f.webp";
import violin from "@lobehub/fluent-emoji-3d/assets/1f3bb.webp";
import yarn from "@lobehub/fluent-emoji-3d/assets/1f9f6.webp";
import yoyo from "@lobehub/fluent-emoji-3d/assets/1fa80.webp";
import { Scene } from "@/components/ui/scene";

/** What stands in the window of each department of the demonstration; one we do not know has a bare wall. */
const WINDOWS: Record<string, readonly [string, string, string]> = {
  audio: [radio, camera, headphones],
  bags: [suitcase, rucksack, basket],
  bath: [pail, lotion, soap],
  bedding: [bed, candle, books],
  stationery: [books, notebook, pencil],
  clothing: [coat, dress, hat],
  craft: [yarn, spool, basket],
  outdoors: [bicycle, tent, hikingBoot],
  footwear: [hikingBoot, boot, trainer],
  living: [sofa, chair, plant],
  garden: [plant, sunflower, pail],
  kitchen: [pot, pan, amphora],
  knitwear: [scarf, yarn, gloves],
  lighting: [lantern, candle, bulb],
  music: [violin, drum, guitar],
  pantry: [bread, honey, cake],
  pets: [cat, yarn, bone],
  table: [plate, glass, amphora],
  "tea-coffee": [teapot, tea, coffee],
  toys: [bear, kite, yoyo],
};

/** Where the three stand: a group at the right, the middle one nearest. */
const PLACES = [
  { at: 73, size: 66, stand: 84 },
  { at: 82.5, size: 58, stand: 93 },
  { at: 91.5, size: 62, stand: 85 },
] as const;

interface DepartmentSceneProps {
  id: string;
  ground: string;
  className?: string;
}

export function DepartmentScene({ id, ground, className }: DepartmentSceneProps) {
  const pictures = WINDOWS[id];
  if (!pictures) return null;
  const props = PLACES.map((place, index) => ({ ...place, picture: pictures[index] ?? "" }));
  return <Scene className={className} ground={ground} props={props} />;
}
