import type Stripe from 'stripe';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import type { SyncedRef } from '../webhook/core/synced-object.ts';
import { drawNumber } from '../webhook/fetch-numbers.ts';
import { type ApplyDeps, applySnapshot } from './apply.ts';
import { splitSnapshot, type StripeSnapshot } from './core/stripe-snapshot.ts';
import { fetchSnapshot } from './fetch.ts';

export interface SyncDeps extends ApplyDeps {
  stripe: Stripe;
}

/**
 * What to do if Stripe does not know the object.
 * - `retry`: throw, also for a related object, and write nothing.
 * - `record`: count the object as fetched and unknown to Stripe.
 * - `defer`: do not count it as fetched, so its earlier events stay in the queue.
 */
type MissingRule = 'retry' | 'record' | 'defer';

/**
 * Syncs one object. Repeated, late or concurrent syncs end in the same state: each draws a fetch number before
 * it fetches, and rows written by a later fetch are kept.
 *
 * @param whenMissing only the worker passes `record`, because only the worker tracks attempts.
 * @throws errors of the SDK if Stripe is unavailable. Nothing has changed in that case.
 */
export async function syncObject(
  deps: SyncDeps,
  object: SyncedRef,
  whenMissing: MissingRule = 'defer',
): Promise<'applied' | 'missing'> {
  const number = await drawNumber(deps.database);
  const snapshot = await fetchSnapshot(deps.stripe, object);
  const outcome = snapshot.missing.length > 0 ? 'missing' : 'applied';
  if (whenMissing === 'retry' && outcome === 'missing') {
    throw new ImplausibleAnswer('Stripe does not know the object that the event names');
  }
  if (whenMissing === 'retry' && snapshot.unconfirmed.length > 0) {
    throw new ImplausibleAnswer('Stripe does not know an object that this object refers to');
  }
  const seen = whenMissing === 'record' ? snapshot : deferMissing(snapshot);
  for (const part of splitSnapshot(seen)) await applySnapshot(deps, part, number);
  deps.metrics.syncs.inc({ object_type: object.objectType, outcome });
  return outcome;
}

function deferMissing(snapshot: StripeSnapshot): StripeSnapshot {
  return { ...snapshot, missing: [], unconfirmed: [...snapshot.missing, ...snapshot.unconfirmed] };
}
