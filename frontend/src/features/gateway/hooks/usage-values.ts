import type { ApiKey, Usage, UsageBy } from "@/api/staff-types";
import { formatDay, formatSeconds, labelOf } from "@/lib/format";

export const GROUPS: [UsageBy, string][] = [
  ["model", "Model"],
  ["provider", "Provider"],
  ["use_case", "Use case"],
  ["user", "User"],
  ["tenant", "Tenant"],
  ["api_key", "Key"],
  ["prompt_version", "Prompt version"],
  ["day", "Day"],
];

const NOBODY: Record<UsageBy, string> = {
  model: "No model",
  provider: "No provider",
  use_case: "No use case",
  user: "Nobody by name",
  tenant: "No tenant",
  api_key: "Without a key",
  prompt_version: "No version",
  day: "No day",
};

const PROVIDERS: Record<string, string> = { openai: "OpenAI", bedrock: "Amazon Bedrock", local: "In house" };

/** "models/small" -> "small". */
export const lastPart = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

/** "Night job …abcd"; the joiner keeps the dots and what follows on one line. */
export const keyLabel = (key: ApiKey): string => `${key.display_name} …\u2060${key.hint}`;

/** What a group is called; keys by their names as far as they are known. */
export function groupLabel(key: string, by: UsageBy, keys: ApiKey[] = []): string {
  if (!key) return NOBODY[by];
  switch (by) {
    case "day":
      return formatDay(key);
    case "provider":
      return PROVIDERS[key] ?? labelOf(key);
    case "use_case":
      return labelOf(key);
    case "api_key": {
      const known = keys.find((each) => each.id === lastPart(key));
      return known ? keyLabel(known) : lastPart(key);
    }
    case "model":
    case "tenant":
      return key.replace(/^[a-zA-Z]+\//, "");
    default:
      return key;
  }
}

export const hitsOf = (usage: Usage): number => usage.exact_hits + usage.similar_hits + usage.shared_hits;

/** Share of the looks into the cache that found an answer; null when nobody looked. */
export function hitShare(usage: Usage): number | null {
  const hits = hitsOf(usage);
  const looks = hits + usage.cache_misses;
  return looks === 0 ? null : hits / looks;
}

/** Calls that were stopped because a model asked beside them was faster: neither answered, failed nor left. */
export const outrunCalls = (usage: Usage): number =>
  Math.max(usage.calls - usage.ok_calls - usage.failed_calls - usage.left_calls, 0);

/** Times are of calls that ended well; without one there is no time, whatever the number says. */
export function timeText(usage: Usage, seconds: number): string {
  return usage.ok_calls === 0 || seconds <= 0 ? "–" : formatSeconds(seconds);
}

/** "rate_limited" -> "rate limited". */
export const outcomeLabel = (outcome: string): string => outcome.replace(/[_-]+/g, " ").toLowerCase();
