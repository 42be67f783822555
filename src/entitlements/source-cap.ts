import type { Facts } from './facts.ts';
import { sourceWindows } from './windows.ts';

/**
 * How many sources that are not over a user may have, up to which a change takes tenths of a second and
 * the timeline less than a megabyte. Operators are refused beyond it; what is paid for never is: it
 * raises the alarm `too_many_sources`.
 */
export const maxSources = 1_000;

/** Whether a user has more sources than that which give something now (epoch milliseconds) or later. */
export function hasTooManySources(facts: Facts, now: number): boolean {
  const items = facts.subscriptions.reduce((sum, { items }) => sum + items.length, 0);
  if (items + facts.purchases.length + facts.grants.length <= maxSources) return false;
  const inForce = sourceWindows(facts).filter(({ stretches }) =>
    stretches.some(({ standing, to }) => standing === 'granted' && to > now),
  );
  return inForce.length > maxSources;
}
