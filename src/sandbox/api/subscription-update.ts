import { walletOutcome } from '../billing/collection.ts';
import { tryChange } from '../billing/preview.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { StripeFault } from '../stripe-error.ts';
import { applyUpdate } from './apply-update.ts';
import type { Update } from './subscription-params.ts';

/** Updates a subscription. With `error_if_incomplete`, an update that cannot be paid changes nothing. */
export function updateSubscription(world: World, subscription: Subscription, params: Update): void {
  if (params.payment_behavior === 'error_if_incomplete') {
    refuseUnpaid(world, subscription, params);
  }
  applyUpdate(world, subscription, params);
}

function refuseUnpaid(world: World, subscription: Subscription, params: Update): void {
  const outcome = walletOutcome(world, subscription.customer);
  if (outcome === 'succeeded' || outcome === 'processing') {
    return;
  }
  const { invoice } = tryChange(world, subscription, (fork, copy) => {
    applyUpdate(fork, copy, params);
  });
  if ((invoice?.amount_due ?? 0) === 0) {
    return;
  }
  throw outcome === 'declined'
    ? new StripeFault(402, {
        type: 'card_error',
        code: 'card_declined',
        decline_code: 'generic_decline',
        message: 'Your card was declined.',
      })
    : new StripeFault(402, {
        type: 'card_error',
        code: 'subscription_payment_intent_requires_action',
        message: 'Payment for this subscription requires additional user action.',
      });
}
