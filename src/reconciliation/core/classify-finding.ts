import type { DifferenceType } from '../../projects/finding-types.ts';
import { syncedObjects } from '../../webhook/core/events.ts';
import type { Difference } from './diff.ts';
import type { UserEffect } from './user-effect.ts';

/* Classifies a difference by its effect on users. Pure. */

/**
 * What was done about a finding.
 * - `fixed`: the mirror was corrected.
 * - `reported`: nothing was changed.
 * - `pending`: the correction waits until all losses of the run are known.
 * - `held`: the correction waits for an operator because of those losses.
 * - `settled`: the difference was gone when it was checked again.
 * - `open`: only an operator can resolve it.
 */
export const findingActions = ['fixed', 'reported', 'pending', 'held', 'settled', 'open'] as const;
export type FindingAction = (typeof findingActions)[number];

const windowFields = new Set([
  'startDate',
  'billingCycleAnchor',
  'endedAt',
  'cancelAt',
  'cancelAtPeriodEnd',
  'canceledAt',
  'trialStart',
  'trialEnd',
  'pausedAt',
  'dunningAnchorAt',
  'currentPeriodStart',
  'currentPeriodEnd',
  'purchasedAt',
]);

/** Returns the first type that applies to a difference, given its effects on users. */
export function classifyFinding(
  difference: Difference,
  effects: readonly UserEffect[],
  timelinesChanged: boolean,
): DifferenceType {
  const { objectType, local, stripe } = difference;
  const { about } = syncedObjects[objectType];
  if (about === 'catalog') return 'catalog_mismatch';
  const names = new Set(Object.keys(stripe).map((path) => path.slice(path.lastIndexOf('.') + 1)));
  const gains = effects.some((effect) => effect.gains.length > 0);
  const losses = effects.some((effect) => effect.losses.length > 0);
  if (local !== null && (names.has('priceId') || names.has('productId') || (gains && losses))) {
    return 'plan_mismatch';
  }
  if (local !== null && names.has('quantity')) return 'quantity_mismatch';
  if (gains) return 'paid_but_blocked';
  if (losses) return 'unpaid_but_active';
  if (stripe['deleted'] === true) return 'orphan_local';
  if (timelinesChanged || (local !== null && !windowFields.isDisjointFrom(names))) {
    return 'window_mismatch';
  }
  if (about === 'money') return 'revenue_mismatch';
  return local === null ? 'orphan_at_stripe' : 'missed_event';
}
