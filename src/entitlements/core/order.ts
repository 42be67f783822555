/** Compares strings by UTF-16 code unit, independent of locale. All response lists use this order. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
