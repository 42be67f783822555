/*
 * Checks redirect URLs. A URL is forwarded exactly as given, so every parser must read the same host in it,
 * not only ours.
 */

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80' };

/** Returns whether a text is a URL with a scheme and a host. Pure. */
export function isAbsoluteUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/**
 * Returns whether a redirect goes to one of the project's origins. Pure.
 *
 * The URL must be absolute and contain one of the origins literally (`https`, or `http` on the local
 * machine). It must not contain a user or password, nor white space, control characters or backslashes, which
 * parsers drop or turn into slashes. Only the case and the default port of the host may differ from the list;
 * an international name must be in its `xn--` form. Path, query and fragment are arbitrary, and may contain
 * `{CHECKOUT_SESSION_ID}`.
 *
 * @param origins exact origins such as `https://app.example.com` or `http://localhost:3000`
 */
export function isAllowedRedirect(url: string, origins: readonly string[]): boolean {
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(url)) return false;
  const [, authority] = /^https?:\/\/([^/?#]+)/i.exec(url) ?? [];
  if (authority === undefined || !URL.canParse(url)) return false;
  const { protocol, host, origin } = new URL(url);
  const written = authority.toLowerCase();
  // Also refuses `user@host`: an authority with a user is not the host alone.
  if (written !== host && written !== `${host}:${defaultPorts[protocol] ?? ''}`) return false;
  return origins.includes(origin);
}
