/** Returns whether a browser may be redirected to a URL: it must use http or https, not `javascript:`. */
export function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
