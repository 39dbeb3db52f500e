/**
 * A small Markdown reader that only ever yields plain data, so that no text can become markup of its own:
 * there is no raw HTML, there are no pictures, and a link keeps its address only when `safeHref` allows it.
 */

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "strong" | "emphasis"; children: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "link"; href: string | null; children: Inline[] }
  | { kind: "citation"; index: number };

export type Block =
  | { kind: "heading"; level: 2 | 3 | 4; children: Inline[]; id: string }
  | { kind: "paragraph"; children: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "code"; text: string }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] }
  | { kind: "rule" };

/** Our own pages, mail and https only; anything else loses its address and stays text. */
export function safeHref(raw: string): string | null {
  // Browsers skip control characters inside a scheme, so "java\nscript:" has to be read without them.
  const href = Array.from(raw.trim())
    .filter((character) => character > " ")
    .join("");
  if (/^https:\/\//i.test(href) || /^mailto:/i.test(href)) return href;
  if (/^[/#](?![/\\])/.test(href) || href === "/") return href;
  return null;
}

const INLINE =
  /(`+)([^`]+)\1|\*\*([^*]+(?:\*[^*]+)*)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|(?<![\w])_([^_\s][^_]*)_(?![\w])|!?\[([^\]]*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+"[^"]*")?\)|\[(\d{1,2}(?:\s*,\s*\d{1,2})*)\](?!\()/g;

export function parseInline(text: string): Inline[] {
  const nodes: Inline[] = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > last) nodes.push({ kind: "text", text: text.slice(last, match.index) });
    nodes.push(...inlineOf(match));
    last = match.index + match[0].length;
  }
  if (last < text.length) nodes.push({ kind: "text", text: text.slice(last) });
  return nodes;
}

function inlineOf(match: RegExpMatchArray): Inline[] {
  const [, , code, strongA, strongB, emphasisA, emphasisB, label, href, marks] = match;
  if (code !== undefined) return [{ kind: "code", text: code }];
  const strong = strongA ?? strongB;
  if (strong !== undefined) return [{ kind: "strong", children: parseInline(strong) }];
  const emphasis = emphasisA ?? emphasisB;
  if (emphasis !== undefined) return [{ kind: "emphasis", children: parseInline(emphasis) }];
  if (label !== undefined) {
    // A picture would be a request to somewhere; its words are kept and nothing is fetched.
    if (match[0].startsWith("!")) return label ? [{ kind: "text", text: label }] : [];
    return [{ kind: "link", href: safeHref(href ?? ""), children: parseInline(label) }];
  }
  return (marks ?? "").split(",").map((mark) => ({ kind: "citation", index: Number(mark) }));
}

export function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");
}

const LIST_ITEM = /^\s{0,3}([-*+]|\d{1,3}[.)])\s+(.*)$/;
const STARTS_BLOCK = /^(#{1,6}\s|>|```|\s{0,3}([-*+]|\d{1,3}[.)])\s|(-{3,}|\*{3,})\s*$)/;

export function parseMarkdown(source: string): Block[] {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") at += 1;
    else at = readBlock(lines, at, blocks);
  }
  return blocks;
}

function readBlock(lines: string[], at: number, blocks: Block[]): number {
  const line = lines[at] ?? "";
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) {
    const text = heading[2] ?? "";
    const level = Math.min(Math.max((heading[1] ?? "").length, 2), 4) as 2 | 3 | 4;
    blocks.push({ kind: "heading", level, children: parseInline(text), id: slugOf(text) });
    return at + 1;
  }
  if (line.startsWith("```")) return readCode(lines, at, blocks);
  if (/^(-{3,}|\*{3,})\s*$/.test(line)) {
    blocks.push({ kind: "rule" });
    return at + 1;
  }
  if (line.startsWith(">")) {
    const [quoted, next] = takeWhile(lines, at, (each) => each.startsWith(">"));
    const inner = quoted.map((each) => each.replace(/^>\s?/, "")).join("\n");
    blocks.push({ kind: "quote", blocks: parseMarkdown(inner) });
    return next;
  }
  if (LIST_ITEM.test(line)) return readList(lines, at, blocks);
  if (line.includes("|") && /^\s*\|?[\s:|-]*-[\s:|-]*$/.test(lines[at + 1] ?? ""))
    return readTable(lines, at, blocks);
  const [words, next] = takeWhile(
    lines,
    at,
    (each, index) => index === at || !(each.trim() === "" || STARTS_BLOCK.test(each)),
  );
  blocks.push({ kind: "paragraph", children: parseInline(words.join(" ")) });
  return next;
}

function takeWhile(
  lines: string[],
  at: number,
  keep: (line: string, index: number) => boolean,
): [string[], number] {
  let next = at;
  while (next < lines.length && keep(lines[next] ?? "", next)) next += 1;
  return [lines.slice(at, next), next];
}

function readCode(lines: string[], at: number, blocks: Block[]): number {
  const [body, next] = takeWhile(lines, at + 1, (line) => !line.startsWith("```"));
  blocks.push({ kind: "code", text: body.join("\n") });
  return next + 1;
}

function readList(lines: string[], at: number, blocks: Block[]): number {
  const ordered = /^\s*\d/.test(lines[at] ?? "");
  const items: string[] = [];
  let next = at;
  while (next < lines.length) {
    const line = lines[next] ?? "";
    const item = LIST_ITEM.exec(line);
    if (item) items.push(item[2] ?? "");
    else if (/^\s{2,}\S/.test(line)) items.push(`${items.pop() ?? ""} ${line.trim()}`);
    else break;
    next += 1;
  }
  blocks.push({ kind: "list", ordered, items: items.map(parseInline) });
  return next;
}

function readTable(lines: string[], at: number, blocks: Block[]): number {
  const cells = (line: string) =>
    line
      .trim()
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => parseInline(cell.trim()));
  const [body, next] = takeWhile(lines, at + 2, (line) => line.includes("|"));
  blocks.push({ kind: "table", head: cells(lines[at] ?? ""), rows: body.map(cells) });
  return next;
}
