import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  buyOnce,
  dayMs,
  openFixture,
  openReceiver,
  refusal,
  startAt,
  subscribe,
  type Fixture,
  withKey,
} from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

async function send(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${fixture.sandbox.url}/_sandbox${path}`, {
    method,
    headers: { ...withKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.json();
}

it('shows and advances the time', async () => {
  expect(await send('GET', '/clock')).toEqual({ now: startAt, iso: '2026-01-15T12:00:00.000Z' });
  const moved = await send('POST', '/clock/advance', { days: 1, hours: 2 });
  expect(moved).toMatchObject({ now: startAt + dayMs + 2 * 3_600_000 });
});

it('adds an endpoint, delivers to it and lists what was delivered', async () => {
  const receiver = await openReceiver();
  await send('POST', '/endpoints', { url: receiver.url, secret: 'whsec_x' });
  await fixture.stripe.customers.create({});
  expect(await send('POST', '/deliver')).toEqual({ pending: 0 });
  expect(await send('GET', '/deliveries')).toMatchObject({
    data: [{ eventType: 'customer.created', status: 'delivered', responseStatus: 200 }],
  });
  await receiver.close();
});

it('sets faults and clears them', async () => {
  const { stripe } = fixture;
  await send('POST', '/faults', {
    webhooks: { repeat: 1, drop: ['invoice.*'] },
    api: [{ path_pattern: '^/v1/cust', status: 500 }],
  });
  expect(fixture.sandbox.faults.webhooks).toEqual({ repeat: 1, drop: ['invoice.*'] });
  expect((await refusal(stripe.customers.list())).statusCode).toBe(500);
  await send('DELETE', '/faults');
  expect((await stripe.customers.list()).data).toEqual([]);
});

it('takes a form as well', async () => {
  const body = new URLSearchParams({ 'api[0][status]': '429', 'api[0][times]': '1' });
  await fetch(`${fixture.sandbox.url}/_sandbox/faults`, {
    method: 'POST',
    headers: withKey,
    body,
  });
  expect((await refusal(fixture.stripe.customers.list())).statusCode).toBe(429);
});

it('does what a bank or a dashboard does', async () => {
  const { stripe } = fixture;
  const charge = await buyOnce(fixture);
  expect(await send('POST', '/billing/refund', { id: charge.id, amount: 100 })).toEqual({
    id: expect.stringMatching(/^re_/) as string,
  });
  expect((await stripe.charges.retrieve(charge.id)).amount_refunded).toBe(100);
  const subscription = await subscribe(fixture);
  await send('POST', '/billing/cancel-now', { id: subscription.id });
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
});

it('says what it did not understand', async () => {
  expect(await send('POST', '/buyer/pay', { card: 'ok' })).toMatchObject({
    error: { message: expect.stringContaining('id') as string },
  });
  expect(await send('POST', '/buyer/pay', { id: 'cs_none' })).toMatchObject({
    error: { code: 'resource_missing' },
  });
});

it('forgets everything but the endpoints', async () => {
  const { sandbox, stripe } = fixture;
  sandbox.addEndpoint({ url: 'http://127.0.0.1:9/hooks', secret: 'whsec_x' });
  await stripe.customers.create({});
  await send('POST', '/reset');
  expect((await stripe.customers.list()).data).toEqual([]);
  expect(sandbox.deliveries()).toEqual([]);
  expect((await stripe.webhookEndpoints.list()).data).toHaveLength(1);
});

it('a subscription that has ended stays so, and only a paused one is taken up again', async () => {
  const { sandbox } = fixture;
  const { id: subscriptionId } = await subscribe(fixture);
  await expect(sandbox.billing.resume(subscriptionId)).rejects.toThrow('Only paused');
  await sandbox.billing.cancelNow(subscriptionId);
  for (const act of ['resume', 'pause', 'keep', 'cancelNow'] as const) {
    await expect(sandbox.billing[act](subscriptionId)).rejects.toThrow('has ended');
  }
});

it('requires the secret key: otherwise every command is a 401, and nothing changes', async () => {
  const page = await (await fetch(fixture.sandbox.url)).text();
  const commands = [...page.matchAll(/<code>(GET|POST|DELETE) (\/_sandbox[^ <]*)/g)];
  expect(commands.length).toBeGreaterThan(20);
  for (const [, method = '', path = ''] of commands) {
    for (const authorization of [undefined, 'Bearer sk_test_other', 'Bearer ']) {
      const response = await fetch(`${fixture.sandbox.url}${path}`, {
        method,
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(response.status, `${method} ${path}`).toBe(401);
    }
  }
  expect(await send('GET', '/clock')).toMatchObject({ now: startAt });
});
