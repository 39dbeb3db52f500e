import { Link } from "react-router";
import { Icon } from "@/components/ui/icon";
import { pages } from "@/config/paths";

export function Wordmark() {
  return (
    <Link
      aria-label="Lantern & Loom, home"
      className="flex items-center gap-2 whitespace-nowrap"
      to={pages.home()}
    >
      <span className="hidden @md:block">
        <Icon className="text-ember" name="lantern" size={26} />
      </span>
      <span className="display text-lg tracking-tight @3xl:text-xl">
        Lantern <Ampersand /> Loom
      </span>
    </Link>
  );
}

/** The italic sign as a drawing: a whole second font file for one letter would be a poor trade. */
function Ampersand() {
  return (
    <svg
      aria-hidden="true"
      className="-mx-[0.04em] inline-block h-[0.94em] translate-y-[0.19em] align-baseline text-ember-ink"
      fill="currentColor"
      viewBox="-5 5 76 95"
    >
      <path d="M8.8 69.8 55.4 32.2Q58.5 29.6 60.4 27.4Q62.2 25.2 63 23.2Q63.8 21.1 63.7 18.8Q63.7 16.8 62.8 15.5Q61.9 14.1 61 12.8Q60.1 11.6 60.1 10.1Q60.1 8.4 61.2 7.2Q62.3 5.9 64.3 5.9Q66.6 5.9 68.2 8Q69.9 10.1 70 13.7Q70 17.1 68.7 20.2Q67.5 23.2 64.7 26.4Q62 29.5 57.2 33.3L11.1 70.4Q7.7 73.2 5.6 75.8Q3.6 78.4 2.6 81Q1.6 83.5 1.6 86.1Q1.7 88.4 2.6 89.7Q3.6 91.1 4.5 92.2Q5.5 93.3 5.5 94.7Q5.5 96.4 4.3 97.5Q3.1 98.7 1.1 98.8Q-1.2 98.8 -2.7 96.8Q-4.2 94.8 -4.3 90.5Q-4.3 85.2 -1 80.1Q2.2 75 8.8 69.8ZM50.4 62.7Q50.4 60.8 50 59.4Q49.5 58 49.1 56.7Q48.6 55.3 48.7 53.8Q48.7 52.6 49.3 51.5Q50 50.4 51.1 49.7Q52.3 48.9 53.9 48.9Q56 48.9 57.2 50.3Q58.4 51.8 58.3 54.5Q58.2 59.9 56.1 64.8Q54 69.6 50.2 73.2Q46.4 76.9 41.1 79Q35.9 81 29.6 81Q22.1 81 16.8 77.6Q11.6 74.3 9.4 68.1Q7.2 61.9 8.7 53.7Q9.9 47.6 12.7 42.5Q15.5 37.5 19.5 33.8Q23.5 30.1 28.4 28.1Q33.3 26.1 38.7 26.1Q43.3 26.1 46.6 27.7Q49.9 29.3 51.6 32.1Q53.2 34.8 53.1 38.2Q53.1 39.6 52.5 40.5Q51.9 41.3 50.8 41.4Q48.7 41.5 46.7 42.3Q44.7 43.1 42.3 44.9Q42.9 43.8 43.4 42.1Q43.8 40.4 44 38.1Q44.1 33.4 42.4 30.8Q40.6 28.2 37 28.2Q32.8 28.2 29.1 31.2Q25.4 34.1 22.7 39.7Q19.9 45.2 18.6 53Q17.2 61.3 18.7 67Q20.2 72.6 23.9 75.5Q27.6 78.3 32.7 78.3Q36.4 78.3 39.6 77Q42.8 75.7 45.2 73.5Q47.6 71.3 48.9 68.5Q50.3 65.7 50.4 62.7Z" />
    </svg>
  );
}
