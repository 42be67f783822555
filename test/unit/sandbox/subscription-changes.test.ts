import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  eventTypes,
  monthlyPrice,
  openFixture,
  refusal,
  seconds,
  startAt,
  subscribe,
  type Fixture,
  idOf,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const firstPeriodEnd = Date.UTC(2026, 1, 15, 12);

describe('an end', () => {
  it('at the period end comes by the clock, without another invoice', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    const ending = await stripe.subscriptions.update(id, { cancel_at_period_end: true });
    expect(ending).toMatchObject({
      status: 'active',
      cancel_at: seconds(firstPeriodEnd),
      cancel_at_period_end: true,
    });
    await sandbox.clock.advance(60 * dayMs);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
      status: 'canceled',
      ended_at: seconds(firstPeriodEnd),
    });
    expect((await stripe.invoices.list({ subscription: id })).data).toHaveLength(1);
  });

  it('can be taken back before it comes', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await stripe.subscriptions.update(id, { cancel_at: seconds(startAt + dayMs) });
    await stripe.subscriptions.update(id, { cancel_at: '' });
    await sandbox.clock.advance(2 * dayMs);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
      status: 'active',
      cancel_at: null,
    });
  });

  it('is final: an ended subscription cannot be changed', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.billing.cancelNow(id);
    expect(await refusal(stripe.subscriptions.update(id, { metadata: { a: 'b' } }))).toMatchObject({
      code: 'resource_missing',
    });
    expect((await eventTypes(stripe)).at(-1)).toBe('customer.subscription.deleted');
  });
});

describe('a plan change', () => {
  it('takes effect at once and is prorated on the next invoice', async () => {
    const { sandbox, stripe } = fixture;
    const { id, items } = await subscribe(fixture);
    const dearer = await monthlyPrice(stripe, 3000);
    const halfway = (startAt + firstPeriodEnd) / 2;
    await sandbox.clock.advanceTo(halfway);
    await sandbox.billing.changePlan(id, items.data[0]?.id ?? '', dearer.id);
    const changed = await stripe.subscriptions.retrieve(id);
    expect(changed.items.data[0]?.price.id).toBe(dearer.id);
    await sandbox.clock.advanceTo(firstPeriodEnd);
    const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
    expect(invoice?.lines.data.map(({ amount }) => amount)).toEqual([-500, 1500, 3000]);
    const proration = invoice?.lines.data[0]?.parent?.subscription_item_details?.proration;
    expect(proration).toBe(true);
  });

  it('to another interval begins a period of its own', async () => {
    const { sandbox, stripe } = fixture;
    const { id, items } = await subscribe(fixture);
    const yearly = await stripe.prices.create({
      currency: 'usd',
      unit_amount: 10_000,
      recurring: { interval: 'year' },
      product_data: { name: 'Pro, yearly' },
    });
    await sandbox.clock.advance(dayMs);
    const changed = await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: yearly.id }],
      proration_behavior: 'none',
    });
    expect(changed.items.data[0]).toMatchObject({
      current_period_start: seconds(startAt + dayMs),
      current_period_end: seconds(Date.UTC(2027, 0, 16, 12)),
    });
  });

  it('may add an item and remove another', async () => {
    const { stripe } = fixture;
    const { id, items } = await subscribe(fixture);
    const other = await monthlyPrice(stripe);
    const changed = await stripe.subscriptions.update(id, {
      items: [
        { price: other.id, quantity: 2 },
        { id: items.data[0]?.id ?? '', deleted: true },
      ],
    });
    expect(changed.items.data.map(({ price, quantity }) => [price.id, quantity])).toEqual([
      [other.id, 2],
    ]);
  });
});

describe('a pause', () => {
  it('stops renewals until it is over', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    expect((await stripe.subscriptions.pause(id)).status).toBe('paused');
    await sandbox.clock.advance(60 * dayMs);
    expect((await stripe.invoices.list({ subscription: id })).data).toHaveLength(1);
    const resumed = await stripe.subscriptions.resume(id);
    expect(resumed.status).toBe('active');
    expect(resumed.items.data[0]?.current_period_start).toBe(seconds(startAt + 60 * dayMs));
  });

  it('of the collection alone leaves the status active and voids the invoices', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await subscribe(fixture);
    await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } });
    await sandbox.clock.advance(32 * dayMs);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
    const [invoice] = (await stripe.invoices.list({ subscription: id })).data;
    expect(invoice?.status).toBe('void');
  });
});

it('an entitlement summary is sent when what a customer has changes', async () => {
  const { sandbox, stripe } = fixture;
  const price = await monthlyPrice(stripe);
  const feature = await stripe.entitlements.features.create({
    name: 'Export',
    lookup_key: 'export',
  });
  await stripe.products.createFeature(idOf(price.product), { entitlement_feature: feature.id });
  const { id } = await subscribe(fixture, { items: [{ price: price.id }] });
  await sandbox.billing.cancelNow(id);
  const { data } = await stripe.events.list({
    type: 'entitlements.active_entitlement_summary.updated',
  });
  expect(data.map((event) => event.data.object).reverse()).toMatchObject([
    { entitlements: { data: [{ lookup_key: 'export' }] } },
    { entitlements: { data: [] } },
  ]);
});
