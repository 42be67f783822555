import { newCustomer } from '../billing/customer.ts';
import { addItem, newSubscription } from '../billing/new-subscription.ts';
import { periodAround } from '../billing/period.ts';
import type { Price, Subscription } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/** Backdated: many customers, each with one subscription. */
export interface SubscriptionSeed {
  count: number;
  /** Price ids, used in turn. */
  prices: readonly string[];
  status?: 'active' | 'past_due' | 'unpaid' | 'canceled';
  /** Epoch ms between which the creations are spread evenly; absent: now. */
  createdFrom?: number;
  createdTo?: number;
  /** The metadata of the subscriptions; `{n}` in a value is replaced by the subscription's number, from 0. */
  metadata?: Readonly<Record<string, string>>;
}

/** Adds the subscriptions to the state, without events and invoices. Returns their ids, oldest first. */
export function seedSubscriptions(world: World, seed: SubscriptionSeed): string[] {
  const prices = seed.prices.map((id) => need(world.tables.prices, 'price', id));
  if (prices.length === 0) {
    throw invalid('Name at least one price.', 'parameter_missing', 'prices');
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
