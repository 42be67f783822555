import type { Facts } from './facts.ts';
import { sourceWindows } from './windows.ts';

/**
 * Maximum number of current and future sources per user. Up to this number, a change takes tenths of a second
 * and a timeline stays below one megabyte. Further grants are rejected. Further purchases still count, but
 * raise the alarm `too_many_sources`.
 */
export const maxSources = 1_000;

/** Returns whether more than `maxSources` sources give access at `now` (epoch milliseconds) or later. */
export function hasTooManySources(facts: Facts, now: number): boolean {
  const items = facts.subscriptions.reduce((sum, { items }) => sum + items.length, 0);
  if (items + facts.purchases.length + facts.grants.length <= maxSources) return false;
  const inForce = sourceWindows(facts).filter(({ lifecycle }) =>
    lifecycle.some(({ standing, to }) => standing === 'granted' && to > now),
  );
  return inForce.length > maxSources;
}
