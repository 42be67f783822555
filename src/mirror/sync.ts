import type Stripe from 'stripe';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import { drawNumber, type SyncedRef } from '../webhook/sync-queue.ts';
import { type ApplyDeps, applySnapshot } from './apply.ts';
import { fetchSnapshot } from './fetch.ts';
import { splitSnapshot, type StripeSnapshot } from './stripe-snapshot.ts';

export interface SyncDeps extends ApplyDeps {
  stripe: Stripe;
}

/**
 * What a 404 comes to. `retry`: an error, also where it is a relative's; nothing is written. `record`: the
 * object counts as fetched, and as unknown to Stripe. `defer`: it does not; earlier news of it stays wanted.
 */
type MissingRule = 'retry' | 'record' | 'defer';

/**
 * The one way by which Stripe's state reaches ours, whoever asks: webhook, buyer's return, operator,
 * reconciliation. Convergent: running it again, late, or twice at once ends in the same state, since
 * the number is drawn before the fetch and guards the write.
 *
 * @param whenMissing only the worker, which counts its tries, believes a 404.
 * @throws what the SDK throws, where Stripe cannot be asked; nothing is changed then.
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
    throw new ImplausibleAnswer('Stripe does not know the object that it told of');
  }
  if (whenMissing === 'retry' && snapshot.unconfirmed.length > 0) {
    throw new ImplausibleAnswer('Stripe does not know an object that this one names');
  }
  const seen = whenMissing === 'record' ? snapshot : deferMissing(snapshot);
  for (const part of splitSnapshot(seen)) await applySnapshot(deps, part, number);
  deps.metrics.syncs.inc({ object_type: object.objectType, outcome });
  return outcome;
}

function deferMissing(snapshot: StripeSnapshot): StripeSnapshot {
  return { ...snapshot, missing: [], unconfirmed: [...snapshot.missing, ...snapshot.unconfirmed] };
}
