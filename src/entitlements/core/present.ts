/**
 * Returns the present instant for a user. It never precedes the last recorded change, so a change recorded by
 * a clock ahead of ours takes effect here immediately (docs/adr/0013-clocks.md).
 *
 * @param now by this process's clock, epoch milliseconds.
 */
export function presentOf({ recordedAt }: { recordedAt: number | null }, now: number): number {
  return Math.max(now, recordedAt ?? now);
}
