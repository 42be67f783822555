import { subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { renew } from './renewal.ts';
import { changeSubscription } from './subscription-change.ts';

/** Moves a trial's end, or starts a trial. */
export function setTrialEnd(world: World, subscription: Subscription, trialEnd: number): void {
  changeSubscription(world, subscription, () => {
    moveTrialEnd(world, subscription, trialEnd);
    subscription.status = 'trialing';
  });
}

/** Ends a trial now and starts the first paid period. */
export function endTrial(world: World, subscription: Subscription): void {
  if (subscription.status !== 'trialing') {
    return;
  }
  moveTrialEnd(world, subscription, world.clock.seconds());
  renew(world, subscription);
}

function moveTrialEnd(world: World, subscription: Subscription, trialEnd: number): void {
  subscription.trial_start ??= world.clock.seconds();
  subscription.trial_end = trialEnd;
  subscription.billing_cycle_anchor = trialEnd;
  for (const item of subscriptionItems(world.tables, subscription.id)) {
    item.current_period_end = trialEnd;
  }
}
