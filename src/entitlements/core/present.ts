/**
 * Returns the present instant for a user. It never precedes the last recorded change, so a change made by a
 * clock ahead of ours is in force here at once (docs/adr/0013-clocks.md).
 *
 * @param now by this process's clock, epoch milliseconds.
 */
export function presentOf({ recordedAt }: { recordedAt: number | null }, now: number): number {
  return Math.max(now, recordedAt ?? now);
}
