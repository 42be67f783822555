/* Checks redirect URLs. A URL is forwarded unchanged, so every parser must find the same host in it. */

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80' };

/** Returns whether a string is an absolute http(s) URL. Pure. */
export function isAbsoluteUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/**
 * Returns whether a redirect URL is on one of the project's origins. Pure.
 *
 * The URL must be absolute and start with one of the origins. Only the case of the host and a default port
 * may differ. An internationalized host name must be in its `xn--` form. The URL must not contain a user
 * name, a password, white space, control characters or backslashes: parsers remove some of these or convert
 * them to slashes. Path, query and fragment may be anything, and may contain `{CHECKOUT_SESSION_ID}`.
 *
 * @param origins exact origins such as `https://app.example.com` or `http://localhost:3000`
 */
export function isAllowedRedirect(url: string, origins: readonly string[]): boolean {
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(url)) return false;
  const [, authority] = /^https?:\/\/([^/?#]+)/i.exec(url) ?? [];
  if (authority === undefined || !URL.canParse(url)) return false;
  const { protocol, host, origin } = new URL(url);
  const given = authority.toLowerCase();
  // Also rejects `user@host`, because this authority differs from the host.
  if (given !== host && given !== `${host}:${defaultPorts[protocol] ?? ''}`) return false;
  return origins.includes(origin);
}
