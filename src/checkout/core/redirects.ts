/*
 * Checks where a buyer may be sent back to. The URL is sent on exactly as given, so it must name the same
 * host to every parser, not only to ours.
 */

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80' };

/** Returns whether a text is a URL with a scheme and a host, to which a buyer could be sent at all. Pure. */
export function isAbsoluteUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/**
 * Returns whether a redirect goes to one of the project's origins. Pure.
 *
 * The URL must be absolute and name one of the origins literally (`https`, or `http` on the local machine):
 * no user or password; no white space, control character or backslash, which parsers drop or turn into
 * slashes; the host as in the list but for its case and a default port, so neither percent-encoded nor in
 * other scripts (an international name is given in its `xn--` form). Path, query and fragment are free, and
 * may contain `{CHECKOUT_SESSION_ID}`.
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
