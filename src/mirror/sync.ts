import type Stripe from 'stripe';
import { drawNumber, type FollowedRef, objectKey } from '../webhook/followed.ts';
import { type ApplyDeps, applyPicture } from './apply.ts';
import { ImplausibleAnswer } from './failures.ts';
import { fetchPicture } from './fetch.ts';
import { partsOf } from './picture.ts';

export interface SyncDeps extends ApplyDeps {
  stripe: Stripe;
}

/**
 * The one way by which Stripe's state reaches ours, whoever asks: webhook, buyer's return, operator,
 * reconciliation. Convergent: running it again, late, or twice at once ends in the same state, since
 * the number is drawn before the fetch and guards the write.
 *
 * @param options `isMissingBelieved` false: that Stripe does not know the object is an error.
 * @throws what the SDK throws, where Stripe cannot be asked; nothing is changed then.
 */
export async function syncObject(
  deps: SyncDeps,
  object: FollowedRef,
  options: { isMissingBelieved: boolean } = { isMissingBelieved: true },
): Promise<'applied' | 'missing'> {
  const number = await drawNumber(deps.database);
  const picture = await fetchPicture(deps.stripe, object);
  const key = objectKey(object);
  const outcome = picture.missing.some((other) => objectKey(other) === key) ? 'missing' : 'applied';
  if (outcome === 'missing' && !options.isMissingBelieved) {
    throw new ImplausibleAnswer('Stripe does not know the object that it told of');
  }
  for (const part of partsOf(picture)) await applyPicture(deps, part, number);
  deps.metrics.syncs.inc({ object_type: object.objectType, outcome });
  return outcome;
}
