import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  dayMs,
  openFixture,
  openReceiver,
  seconds,
  startAt,
  type Fixture,
  type Receiver,
} from './fixture.ts';

const secret = 'whsec_test';
let fixture: Fixture;
let receiver: Receiver;
beforeEach(async () => {
  receiver = await openReceiver();
  fixture = await openFixture({ endpoints: [{ url: receiver.url, secret }] });
});
afterEach(async () => {
  await fixture.close();
  await receiver.close();
});

/** Creates this many events, each of another object, and returns their ids in order. */
async function makeEvents(count: number): Promise<string[]> {
  for (let index = 0; index < count; index += 1) {
    await fixture.stripe.customers.create({ email: `c${index}@example.com` });
  }
  return (await fixture.stripe.events.list({ limit: count })).data.map(({ id }) => id).reverse();
}

const receivedIds = () => receiver.received.map(({ event }) => event.id);

describe('a delivery', () => {
  it('carries a signature that the SDK accepts, dated by the sandbox', async () => {
    const { sandbox, stripe } = fixture;
    await makeEvents(1);
    await sandbox.clock.advance(2 * dayMs);
    await sandbox.deliver();
    const [delivery] = receiver.received;
    const receivedAt = startAt + 2 * dayMs;
    const event = stripe.webhooks.constructEvent(
      delivery?.body ?? '',
      delivery?.signature ?? '',
      secret,
      300,
      undefined,
      receivedAt,
    );
    expect(event).toMatchObject({
      type: 'customer.created',
      api_version: '2026-10-28.endive',
      livemode: false,
      created: seconds(startAt),
      data: { object: { email: 'c0@example.com' } },
    });
    expect(delivery?.signature).toMatch(new RegExp(`^t=${seconds(receivedAt)},v1=[0-9a-f]{64}$`));
    expect(() =>
      stripe.webhooks.constructEvent(
        delivery?.body ?? '',
        delivery?.signature ?? '',
        'whsec_other',
      ),
    ).toThrow();
  });

  it('goes to every endpoint that wants the type', async () => {
    const { sandbox, stripe } = fixture;
    const other = await openReceiver();
    sandbox.addEndpoint({ url: other.url, secret: 'whsec_2', enabledEvents: ['product.*'] });
    await makeEvents(1);
    await stripe.products.create({ name: 'Pro' });
    await sandbox.deliver();
    expect(receiver.received.map(({ event }) => event.type)).toEqual([
      'customer.created',
      'product.created',
    ]);
    expect(other.received.map(({ event }) => event.type)).toEqual(['product.created']);
    await other.close();
  });

  it('to an endpoint created over the API is signed with the secret of the response', async () => {
    const { sandbox, stripe } = fixture;
    const other = await openReceiver();
    const endpoint = await stripe.webhookEndpoints.create({
      url: other.url,
      enabled_events: ['*'],
    });
    await makeEvents(1);
    await sandbox.deliver();
    const [delivery] = other.received;
    const event = stripe.webhooks.constructEvent(
      delivery?.body ?? '',
      delivery?.signature ?? '',
      endpoint.secret ?? '',
      0,
    );
    expect(event.type).toBe('customer.created');
    expect((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret).toBeUndefined();
    await other.close();
  });

  it('that is refused stays pending, is visible, and is tried again', async () => {
    const { sandbox, stripe } = fixture;
    receiver.answers.push(500, 302);
    const [id = ''] = await makeEvents(1);
    await sandbox.deliver();
    expect(sandbox.pendingDeliveries()).toMatchObject([
      { eventId: id, attempts: 1, responseStatus: 500 },
    ]);
    const undelivered = () => stripe.events.list({ delivery_success: false });
    expect((await undelivered()).data.map((event) => event.id)).toEqual([id]);
    await sandbox.deliver();
    expect(sandbox.pendingDeliveries()[0]?.responseStatus).toBe(302);
    await sandbox.deliver();
    expect(sandbox.pendingDeliveries()).toEqual([]);
    expect((await undelivered()).data).toEqual([]);
  });

  it('is given up after six attempts', async () => {
    const { sandbox } = fixture;
    receiver.answers.push(...Array<number>(6).fill(503));
    await makeEvents(1);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      await sandbox.deliver();
    }
    expect(sandbox.deliveries()).toMatchObject([{ status: 'failed', attempts: 6 }]);
  });

  it('can be sent again', async () => {
    const { sandbox } = fixture;
    const [id = ''] = await makeEvents(1);
    await sandbox.deliver();
    expect(sandbox.resend(id)).toBe(true);
    await sandbox.deliver();
    expect(receivedIds()).toEqual([id, id]);
    expect(sandbox.resend('evt_none')).toBe(false);
  });
});

describe('faults', () => {
  it('drop all, or types: the event is listed as not delivered', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.webhooks.drop = ['customer.*'];
    await makeEvents(1);
    await stripe.products.create({ name: 'Pro' });
    await sandbox.deliver();
    expect(receiver.received.map(({ event }) => event.type)).toEqual(['product.created']);
    const lost = await stripe.events.list({ delivery_success: false });
    expect(lost.data.map(({ type }) => type)).toEqual(['customer.created']);
  });

  it('repeat', async () => {
    const { sandbox } = fixture;
    sandbox.faults.webhooks = { repeat: 2 };
    const [id] = await makeEvents(1);
    await sandbox.deliver();
    expect(receivedIds()).toEqual([id, id, id]);
  });

  it('delay by the clock of the sandbox', async () => {
    const { sandbox } = fixture;
    sandbox.faults.webhooks = { delayMs: 60_000 };
    const ids = await makeEvents(1);
    await sandbox.deliver();
    expect(receivedIds()).toEqual([]);
    await sandbox.clock.advance(60_000);
    await sandbox.deliver();
    expect(receivedIds()).toEqual(ids);
  });

  it('shuffle: all arrive, in another order', async () => {
    const { sandbox } = fixture;
    sandbox.faults.webhooks = { shuffle: true };
    const ids = await makeEvents(12);
    await sandbox.deliver();
    expect(receivedIds()).not.toEqual(ids);
    expect(receivedIds().sort()).toEqual(ids.toSorted());
  });
});

describe('in the background', () => {
  it('webhooks are sent by themselves, and tried again after a refusal', async () => {
    const live = await openFixture({
      delivery: 'background',
      endpoints: [{ url: receiver.url, secret }],
    });
    receiver.answers.push(500);
    await live.stripe.customers.create({});
    await vi.waitFor(() => {
      expect(live.sandbox.deliveries()).toMatchObject([{ attempts: 1, responseStatus: 500 }]);
    });
    await live.sandbox.clock.advance(1_000);
    await vi.waitFor(() => {
      expect(live.sandbox.pendingDeliveries()).toEqual([]);
    });
    expect(receiver.received).toHaveLength(2);
    await live.close();
  });

  it('deliver() waits for what is on its way', async () => {
    const live = await openFixture({
      delivery: 'background',
      endpoints: [{ url: receiver.url, secret }],
    });
    await live.stripe.customers.create({});
    await live.sandbox.deliver();
    expect(receiver.received).toHaveLength(1);
    await live.close();
  });
});
