import type { Finding } from "@/api/staff-types";

export interface MarkedPart {
  text: string;
  /** Which finding speaks about it; null for none. */
  finding: number | null;
}

/** Cut a text where findings quote it. Quotes that overlap or are not in it are left out. */
export function markFindings(text: string, findings: Finding[]): MarkedPart[] {
  const spans = findings
    .map((finding, index) => ({
      index,
      start: finding.excerpt ? text.indexOf(finding.excerpt) : -1,
      size: finding.excerpt.length,
    }))
    .filter((span) => span.start >= 0)
    .sort((a, b) => a.start - b.start);
  const parts: MarkedPart[] = [];
  let at = 0;
  for (const span of spans) {
    if (span.start < at) continue;
    if (span.start > at) parts.push({ text: text.slice(at, span.start), finding: null });
    parts.push({ text: text.slice(span.start, span.start + span.size), finding: span.index });
    at = span.start + span.size;
  }
  if (at < text.length) parts.push({ text: text.slice(at), finding: null });
  return parts;
}
