import { setDiscounts } from '../billing/discount.ts';
import { changeItemsOncePaid } from '../billing/pending-update.ts';
import { changeItems, type ItemChange } from '../billing/plan-change.ts';
import { changeSubscription } from '../billing/subscription-change.ts';
import { scheduleEnd } from '../billing/subscription-end.ts';
import { endTrial, setTrialEnd } from '../billing/trial.ts';
import { mergedMetadata } from '../http/params.ts';
import { subscriptionItems } from '../state/render.ts';
import type { Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { itemChange } from './item-change.ts';
import { discountOf } from './redemption.ts';
import type { Update } from './subscription-params.ts';

/** The parameters that a pending update can contain. Stripe rejects all others. */
const pendable: ReadonlySet<string> = new Set([
  'items',
  'billing_cycle_anchor',
  'payment_behavior',
  'proration_behavior',
  'proration_date',
]);

/** Applies an update request to a subscription, and collects its payment. */
export function applyUpdate(world: World, subscription: Subscription, params: Update): void {
  refuseContradictions(subscription, params);
  const { discounts } = params;
  if (discounts !== undefined) {
    const wanted = (discounts ?? []).map((entry, index) => discountOf(world, entry, index));
    changeSubscription(world, subscription, () => {
      setDiscounts(world, subscription, wanted);
    });
  }
  const changes = changesOf(world, subscription, params);
  if (changes.length > 0) {
    makeChanges(world, subscription, changes, params);
  }
  changeSubscription(world, subscription, () => {
    applyFields(subscription, params);
  });
  scheduleEnd(world, subscription, params.cancel_at, params.cancel_at_period_end);
  if (params.trial_end === 'now') {
    endTrial(world, subscription);
  } else if (params.trial_end !== undefined) {
    setTrialEnd(world, subscription, params.trial_end);
  }
}

function refuseContradictions(subscription: Subscription, params: Update): void {
  if (params.cancel_at_period_end === true && typeof params.cancel_at === 'number') {
    throw invalid(
      'You may only specify one of these parameters: cancel_at, cancel_at_period_end.',
      undefined,
      'cancel_at',
    );
  }
  const ends = params.cancel_at !== undefined || params.cancel_at_period_end !== undefined;
  if (subscription.schedule !== null && ends) {
    throw invalid(
      `The subscription is managed by the subscription schedule \`${subscription.schedule}\`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.`,
    );
  }
  const unfit = Object.entries(params).find(
    ([name, value]) => value !== undefined && !pendable.has(name),
  );
  if (params.payment_behavior === 'pending_if_incomplete' && unfit !== undefined) {
    const [name] = unfit;
    throw invalid(
      `When \`payment_behavior\` is set to \`pending_if_incomplete\`, you cannot pass \`${name}\`.`,
      undefined,
      name,
    );
  }
}

function changesOf(world: World, subscription: Subscription, params: Update): ItemChange[] {
  const asked = (params.items ?? []).map((item, index) =>
    itemChange(world, subscription, item, index),
  );
  if (params.billing_cycle_anchor?.type !== 'now') {
    return asked;
  }
  const named = new Set(asked.map((change) => (change.kind === 'add' ? '' : change.item.id)));
  const others = subscriptionItems(world.tables, subscription.id).filter(
    ({ id }) => !named.has(id),
  );
  return [...asked, ...others.map((item) => ({ kind: 'restart' as const, item }))];
}

function makeChanges(
  world: World,
  subscription: Subscription,
  changes: readonly ItemChange[],
  params: Pick<Update, 'payment_behavior' | 'proration_behavior' | 'proration_date'>,
): void {
  const proration = {
    behavior: params.proration_behavior ?? 'create_prorations',
    at: params.proration_date,
  };
  if (params.payment_behavior === 'pending_if_incomplete') {
    changeItemsOncePaid(world, subscription, changes, proration);
  } else {
    changeItems(world, subscription, changes, proration);
  }
}

function applyFields(subscription: Subscription, params: Update): void {
  subscription.metadata = mergedMetadata(subscription.metadata, params.metadata);
  subscription.collection_method = params.collection_method ?? subscription.collection_method;
  subscription.days_until_due = params.days_until_due ?? subscription.days_until_due;
  subscription.default_payment_method =
    params.default_payment_method ?? subscription.default_payment_method;
  if (params.description !== undefined) {
    subscription.description = params.description;
  }
  if (params.trial_settings !== undefined) {
    const { end_behavior: end } = params.trial_settings;
    subscription.trial_settings = { end_behavior: { billing_cycle_anchor: null, ...end } };
  }
  if (params.automatic_tax !== undefined) {
    subscription.automatic_tax.enabled = params.automatic_tax.enabled;
  }
  if (params.pause_collection !== undefined) {
    const pause = params.pause_collection;
    subscription.pause_collection =
      pause === null ? null : { behavior: pause.behavior, resumes_at: pause.resumes_at ?? null };
  }
}
