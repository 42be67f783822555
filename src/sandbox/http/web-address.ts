/** Returns whether a browser may be redirected to a URL: only http and https, never a script. */
export function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
