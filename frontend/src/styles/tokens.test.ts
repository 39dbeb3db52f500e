import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

type Oklch = [number, number, number];

const css = readFileSync("src/styles/tokens.css", "utf8");

function token(name: string, theme: 0 | 1): Oklch {
  const line = new RegExp(`--${name}:\\s*([^;]+);`).exec(css)?.[1] ?? "";
  const values = [...line.matchAll(/oklch\(([\d.]+) ([\d.]+) ([\d.]+)/g)].map((match): Oklch => [
    Number(match[1]),
    Number(match[2]),
    Number(match[3]),
  ]);
  if (line === "oklch(1 0 0)") return [1, 0, 0];
  const value = values[Math.min(theme, values.length - 1)];
  if (!value) throw new Error(`no token ${name}`);
  return value;
}

/** Relative luminance of an OKLCH colour, by way of linear sRGB clipped to what a screen can show. */
function luminance([lightness, chroma, hue]: Oklch): number {
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number) => Math.min(Math.max(value, 0), 1);
  const red = clip(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = clip(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = clip(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(first: Oklch, second: Oklch): number {
  const [high = 0, low = 0] = [luminance(first), luminance(second)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const grounds = ["paper", "surface", "sunk"];
const pairs: [string, string][] = [
  ...["ink", "muted", "ember-ink", "moss-ink", "brick-ink"].flatMap((text) =>
    grounds.map((ground): [string, string] => [text, ground]),
  ),
  ["on-ember", "ember-fill"],
  ["on-ember", "ember-fill-hover"],
  ["ink", "ember-wash"],
  ["muted", "ember-wash"],
  ["ember-ink", "ember-wash"],
  ["ink", "brick-wash"],
  ["muted", "brick-wash"],
  ["on-strong", "brick"],
  ["paper", "ink"],
  ["on-dusk", "dusk"],
  ["on-dusk-muted", "dusk"],
  ["glow", "dusk"],
  ...Array.from({ length: 12 }, (_, index): [string, string] => ["ink", `tint-sand-${String(index + 1)}`]),
];

describe.each([
  ["light", 0],
  ["dark", 1],
] as const)("in the %s theme", (_, theme) => {
  it.each(pairs)("%s reads on %s", (text, ground) => {
    expect(contrast(token(text, theme), token(ground, theme))).toBeGreaterThanOrEqual(4.5);
  });
});

it("keeps every colour in one file", () => {
  for (const file of ["src/styles/main.css", "src/styles/scenes.css"]) {
    expect(readFileSync(file, "utf8")).not.toMatch(/oklch\(|#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/i);
  }
});
