import { sendDueEvents } from '../../src/usage/meters/sender.ts';
import { text } from './json.ts';
import { meteredApp, type MeteredApp } from './metered.ts';
import { type Shop, startShop } from './shop.ts';

/** A shop whose feature `credits` reports to the meter `credits_used`, and gives 10 a month with `pro`. */
export interface MeterWorld {
  shop: Shop;
  app: MeteredApp;
  meterId: string;
  /** Buys `pro` together with credits at 2 cents. */
  subscribe(userId: string): Promise<{ customer: string; endsAt: number }>;
  /** Advances both clocks. */
  advance(ms: number): Promise<void>;
  /** Sends what is due. */
  send(): Promise<void>;
  /** Ends the running minute of all usage, and sends it. */
  report(): Promise<void>;
  /** Returns the values of the meter events of a customer that Stripe has, oldest first. */
  received(customer: string): { value: number; timestamp: number }[];
  /** Returns the statuses of all events of a user, oldest first. */
  statuses(userId: string): Promise<string[]>;
}

export const minute = 60_000;

export async function startMeterWorld(
  report: 'all' | 'overage',
  now?: number,
): Promise<MeterWorld> {
  const shop = await startShop(now === undefined ? {} : { now });
  const { sandbox, service, stripe } = shop;
  const meter = await stripe.billing.meters.create({
    ...{ display_name: 'Credits', event_name: 'credits_used' },
    default_aggregation: { formula: 'sum' },
  });
  const { id: price } = await stripe.prices.create({
    ...{ currency: 'usd', unit_amount: 2, product_data: { name: 'More credits' } },
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  const app = await meteredApp(service, shop.key, {
    overage: 'allow',
    stripe_meter: { event_name: 'credits_used', report },
  });
  const put = await app.send('PUT', `/admin/prices/${shop.prices.pro}`, {
    features: { credits: { amount: 10, every: 'period' } },
  });
  if (put.status !== 200) throw new Error(JSON.stringify(put.body));
  const advance = (ms: number) => shop.advanceTo(service.clock.now() + ms);
  const send = () => sendDueEvents(service.deps);
  return {
    ...{ shop, app, meterId: meter.id, advance, send },
    async subscribe(userId) {
      await shop.buy(userId, 'pro');
      await shop.settle();
      const { id } = await shop.subscriptionOf(userId);
      await stripe.subscriptionItems.create({ subscription: id, price });
      await shop.settle();
      const endsAt = Date.parse(text(await app.usage(userId), 'resets_at'));
      return { customer: await shop.customerOf(userId), endsAt };
    },
    async report() {
      await advance(minute);
      await send();
    },
    received: (customer) =>
      sandbox
        .objects('meterEvents')
        .meterEvents.filter((event) => event.customer === customer)
        .map(({ value, timestamp }) => ({ value, timestamp })),
    async statuses(userId) {
      const { rows } = await service.deps.database.pool.query<{ status: string }>(
        `select status from meter_events m join users u using (uid) where user_id = $1
         order by m.created_at, m.id`,
        [userId],
      );
      return rows.map(({ status }) => status);
    },
  };
}
