/** Only a path of our own may be gone to after signing in. */
export function safeNext(raw: string | null): string | null {
  return raw && /^\/(?![/\\])/.test(raw) ? raw : null;
}
