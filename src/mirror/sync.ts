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
 * How a 404 is handled. `retry`: as an error, also for a related object; nothing is written. `record`: the
 * object counts as fetched, and as unknown to Stripe. `defer`: it does not, and its earlier events stay in
 * the queue.
 */
type MissingRule = 'retry' | 'record' | 'defer';

/**
 * Syncs one object, for every caller: webhook, buyer's return, operator, reconciliation. Convergent: a
 * repeated, late or concurrent sync ends in the same state, since the number is drawn before the fetch and
 * guards the write.
 *
 * @param whenMissing only the worker, which counts its attempts, records a 404.
 * @throws errors of the SDK if Stripe is unavailable; nothing is changed then.
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
    throw new ImplausibleAnswer('Stripe does not know the object that its event names');
  }
  if (whenMissing === 'retry' && snapshot.unconfirmed.length > 0) {
    throw new ImplausibleAnswer('Stripe does not know an object that this one refers to');
  }
  const seen = whenMissing === 'record' ? snapshot : deferMissing(snapshot);
  for (const part of splitSnapshot(seen)) await applySnapshot(deps, part, number);
  deps.metrics.syncs.inc({ object_type: object.objectType, outcome });
  return outcome;
}

function deferMissing(snapshot: StripeSnapshot): StripeSnapshot {
  return { ...snapshot, missing: [], unconfirmed: [...snapshot.missing, ...snapshot.unconfirmed] };
}
