import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buyOnce,
  eventTypes,
  idOf,
  openFixture,
  openReceiver,
  seconds,
  startAt,
  subscribe,
  type Fixture,
  type Receiver,
  withKey,
} from './fixture.ts';

const secret = 'whsec_test';
let fixture: Fixture;
let receiver: Receiver;
beforeEach(async () => {
  receiver = await openReceiver();
  fixture = await openFixture();
});
afterEach(async () => {
  await fixture.close();
  await receiver.close();
});

/** The bodies that were received of events of a type. */
const received = (type: string): unknown[] =>
  receiver.received
    .filter(({ event }) => event.type === type)
    .map(({ body }) => JSON.parse(body) as unknown);

describe('an endpoint of an older API version', () => {
  beforeEach(() => {
    fixture.sandbox.addEndpoint({ url: receiver.url, secret, apiVersion: '2024-06-20' });
  });

  it('gets subscriptions with a period of their own, and items without', async () => {
    const { sandbox } = fixture;
    await subscribe(fixture);
    await sandbox.deliver();
    const [event] = received('customer.subscription.created');
    expect(event).toMatchObject({
      api_version: '2024-06-20',
      data: {
        object: {
          current_period_start: seconds(startAt),
          current_period_end: seconds(Date.UTC(2026, 1, 15, 12)),
        },
      },
    });
    expect(event).not.toHaveProperty('data.object.items.data.0.current_period_end');
  });

  it('gets invoices that name their subscription, intent and charge', async () => {
    const { sandbox } = fixture;
    const { id } = await subscribe(fixture);
    await sandbox.deliver();
    const [event] = received('invoice.paid');
    const { paymentIntents } = sandbox.objects('paymentIntents');
    expect(event).toMatchObject({
      data: {
        object: {
          subscription: id,
          paid: true,
          payment_intent: paymentIntents[0]?.id,
          charge: paymentIntents[0]?.latest_charge,
          lines: { data: [{ type: 'subscription', proration: false, price: { object: 'price' } }] },
        },
      },
    });
    expect(event).not.toHaveProperty('data.object.parent');
  });

  it('gets charges that name their invoice', async () => {
    const { sandbox } = fixture;
    await subscribe(fixture);
    await sandbox.deliver();
    const { invoices } = sandbox.objects('invoices');
    expect(received('charge.succeeded')).toMatchObject([
      { data: { object: { invoice: invoices[0]?.id } } },
    ]);
  });

  it('can be made over the API', async () => {
    const { stripe } = fixture;
    const { id } = await stripe.webhookEndpoints.create({
      url: receiver.url,
      enabled_events: ['*'],
      api_version: '2024-06-20',
    });
    const disabled = await stripe.webhookEndpoints.update(id, { disabled: true });
    expect(disabled).toMatchObject({ api_version: '2024-06-20', status: 'disabled' });
    expect((await stripe.webhookEndpoints.list()).data.map((hook) => hook.id)).toContain(id);
  });
});

it('a thin endpoint gets events that name their object and hold nothing of it', async () => {
  const { sandbox, stripe } = fixture;
  sandbox.addEndpoint({ url: receiver.url, secret, thin: true });
  const { id } = await stripe.customers.create({});
  await sandbox.deliver();
  const [delivery] = receiver.received;
  const notification = stripe.parseEventNotification(
    delivery?.body ?? '',
    delivery?.signature ?? '',
    secret,
    300,
    undefined,
    startAt,
  );
  const [snapshot] = (await stripe.events.list()).data;
  expect(notification).toMatchObject({
    object: 'v2.core.event',
    type: 'v1.customer.created',
    related_object: { id, type: 'customer', url: `/v1/customers/${id}` },
    snapshot_event: snapshot?.id,
  });
  expect(notification).not.toHaveProperty('data');
});

it('events can be those of another mode and another account', async () => {
  const { sandbox, stripe } = fixture;
  sandbox.addEndpoint({ url: receiver.url, secret });
  await stripe.customers.create({});
  sandbox.faults.webhooks = { livemode: true, account: 'acct_other' };
  await sandbox.deliver();
  expect(received('customer.created')).toMatchObject([{ livemode: true, account: 'acct_other' }]);
});

describe('faults of events', () => {
  it('suppress some: they are neither sent nor listed, though the change was made', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.addEndpoint({ url: receiver.url, secret });
    sandbox.faults.events = { suppress: ['customer.subscription.*'] };
    const { id } = await subscribe(fixture);
    await sandbox.billing.cancelNow(id);
    await sandbox.deliver();
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
    const types = await eventTypes(stripe);
    expect(types).toContain('invoice.paid');
    expect(types.filter((type) => type.startsWith('customer.subscription'))).toEqual([]);
    expect(receiver.received.map(({ event }) => event.type)).toEqual(types);
  });

  it('make two of one change, under two ids', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.events.twice = ['customer.created'];
    const { id } = await stripe.customers.create({});
    const { data } = await stripe.events.list();
    expect(data.map((event) => event.type)).toEqual(['customer.created', 'customer.created']);
    expect(data.map((event) => event.data.object)).toMatchObject([{ id }, { id }]);
    expect(data[0]?.id).not.toBe(data[1]?.id);
  });

  it('are set and cleared over HTTP', async () => {
    const { sandbox } = fixture;
    await fetch(`${sandbox.url}/_sandbox/faults`, {
      method: 'POST',
      headers: { ...withKey, 'content-type': 'application/json' },
      body: JSON.stringify({
        events: { suppress: ['invoice.*'] },
        webhooks: { account: 'acct_2' },
      }),
    });
    expect(sandbox.faults.events).toEqual({ suppress: ['invoice.*'] });
    expect(sandbox.faults.webhooks).toEqual({ account: 'acct_2' });
    await fetch(`${sandbox.url}/_sandbox/faults`, { method: 'DELETE', headers: withKey });
    expect(sandbox.faults.events).toEqual({});
  });
});

it('a share of the deliveries can be lost: the same ones in every run', async () => {
  const lost = async (): Promise<boolean[]> => {
    const own = await openFixture({ endpoints: [{ url: receiver.url, secret }] });
    own.sandbox.faults.webhooks.dropShare = 0.5;
    for (let made = 0; made < 20; made += 1) {
      await own.stripe.customers.create({});
    }
    const fates = own.sandbox.deliveries().map(({ status }) => status === 'dropped');
    await own.close();
    return fates;
  };
  const first = await lost();
  expect(first).toContain(true);
  expect(first).toContain(false);
  expect(await lost()).toEqual(first);
});

it('some types can be delivered before others: a refund before the session that it refunds', async () => {
  const { sandbox } = fixture;
  sandbox.addEndpoint({ url: receiver.url, secret });
  const charge = await buyOnce(fixture);
  await sandbox.billing.refund(charge.id);
  await sandbox.deliver(['charge.refunded']);
  expect(receiver.received.map(({ event }) => event.type)).toEqual(['charge.refunded']);
  await sandbox.deliver();
  expect(received('checkout.session.completed')).toMatchObject([
    // As it was when the event was made.
    { data: { object: { payment_status: 'paid', payment_intent: idOf(charge.payment_intent) } } },
  ]);
});
