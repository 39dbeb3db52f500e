/** A day of the reader's calendar, as a date field writes it. */
export function dayText(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The end of a chosen day in the reader's time zone; null when none was chosen or it is past. */
export function endOfDay(day: string, now: Date = new Date()): string | null {
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) || end <= now ? null : end.toISOString();
}
