/**
 * Returns the current instant for a user. It is never before the user's last recorded change, so a change
 * recorded by a process whose clock is ahead takes effect here immediately (docs/adr/0013-clocks.md).
 *
 * @param now the time on this process's clock, epoch milliseconds.
 */
export function presentOf({ recordedAt }: { recordedAt: number | null }, now: number): number {
  return Math.max(now, recordedAt ?? now);
}
