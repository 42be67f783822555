/**
 * Returns the instant that "now" is for a user: never before the last change was recorded, so that a
 * grant or revoke is seen even where another clock made it (docs/adr/0013-clocks.md). Pure.
 *
 * @param now by this process's clock, epoch milliseconds.
 */
export function presentOf({ recordedAt }: { recordedAt: number | null }, now: number): number {
  return Math.max(now, recordedAt ?? now);
}
