/** Compares texts by code units, independent of the locale. All lists in answers have this order. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
