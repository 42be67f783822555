import { newCustomer } from '../billing/customer.ts';
import { addItem, newSubscription } from '../billing/new-subscription.ts';
import { periodAround } from '../billing/period.ts';
import type { Price, Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/** Many customers with one subscription each, which may be backdated. */
export interface SubscriptionSeed {
  count: number;
  /** Price ids, assigned to the subscriptions in turn. */
  prices: readonly string[];
  status?: 'active' | 'past_due' | 'unpaid' | 'canceled';
  /** The start of the range over which creation times are spread evenly, in epoch ms. Defaults to now. */
  createdFrom?: number;
  createdTo?: number;
  /**
   * The subscriptions' metadata. `{n}` in a value stands for the subscription's number, which starts at 0.
   */
  metadata?: Readonly<Record<string, string>>;
}

/** Adds subscriptions without events or invoices. Returns their ids, oldest first. */
export function seedSubscriptions(world: World, seed: SubscriptionSeed): string[] {
  const prices = seed.prices.map((id) => need(world.tables.prices, 'price', id));
  if (prices.length === 0) {
    throw invalid('Pass at least one price id in `prices`.', 'parameter_missing', 'prices');
  }
  const now = world.clock.now();
  const seconds = world.clock.seconds();
  const from = seed.createdFrom ?? now;
  const step = ((seed.createdTo ?? now) - from) / Math.max(1, seed.count - 1);
  const ids: string[] = [];
  for (let number = 0; number < seed.count; number += 1) {
    const price = prices[number % prices.length];
    if (price !== undefined) {
      world.clock.at(from + number * step, () => {
        const subscription = seedSubscription(world, seed, number, price.currency);
        const item = addItem(world, subscription, { price, quantity: quantityOf(price) });
        if (price.recurring !== null) {
          const period = periodAround(subscription.created, seconds, price.recurring);
          item.current_period_start = period.start;
          item.current_period_end = period.end;
        }
        world.tables.subscriptions.set(subscription.id, subscription);
        ids.push(subscription.id);
      });
    }
  }
  return ids;
}

function seedSubscription(
  world: World,
  { status = 'active', metadata = {} }: SubscriptionSeed,
  number: number,
  currency: string,
): Subscription {
  const customer = newCustomer(world, { email: `seed-${number}@example.com` });
  world.tables.customers.set(customer.id, customer);
  const subscription = newSubscription(world, {
    customer: customer.id,
    currency,
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [
        key,
        value.replaceAll('{n}', String(number)),
      ]),
    ),
    description: null,
    trialEnd: null,
    missingPaymentMethod: 'create_invoice',
    hasCard: true,
    collectionMethod: 'charge_automatically',
    daysUntilDue: null,
    backdatedTo: null,
    anchor: null,
    schedule: null,
  });
  subscription.status = status;
  if (status === 'canceled') {
    subscription.canceled_at = subscription.created;
    subscription.ended_at = subscription.created;
  }
  return subscription;
}

function quantityOf({ recurring }: Price): number | null {
  return recurring?.usage_type === 'metered' ? null : 1;
}
