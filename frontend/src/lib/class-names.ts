import { clsx, type ClassValue } from "clsx";

/** Join class names, leaving out what is false. */
export function cx(...values: ClassValue[]): string {
  return clsx(values);
}
