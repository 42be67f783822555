import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import Stripe from 'stripe';
import { openFixture, refusal, subscribe, type Fixture, withKey } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

/** How many of so many calls at once were answered. */
async function answered(calls: number, call: () => Promise<unknown>): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: calls }, call));
  return results.filter(({ status }) => status === 'fulfilled').length;
}

describe('the rate limit of an endpoint', () => {
  it('is shared by all objects of one path, and leaves other paths alone', async () => {
    const { sandbox, stripe } = fixture;
    const first = await subscribe(fixture);
    const second = await subscribe(fixture);
    sandbox.faults.rateLimit({ perEndpoint: 2 });
    await stripe.subscriptions.retrieve(first.id);
    await stripe.subscriptions.retrieve(second.id);
    const error = await refusal(stripe.subscriptions.retrieve(first.id));
    expect(error).toBeInstanceOf(Stripe.errors.StripeRateLimitError);
    expect(error).toMatchObject({
      code: 'rate_limit',
      rawType: 'invalid_request_error',
      headers: { 'stripe-rate-limited-reason': 'endpoint-rate' },
    });
    await stripe.subscriptions.list();
    await stripe.subscriptions.update(first.id, { metadata: { a: 'b' } });
  });

  it('stands beside that of the whole account, which is the smaller sum', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.rateLimit({ total: 5, perEndpoint: 4 });
    expect(await answered(6, () => stripe.customers.list())).toBe(4);
    expect(await answered(6, () => stripe.products.list())).toBe(1);
    await sandbox.clock.advance(1_000);
    expect(await answered(6, () => stripe.products.list())).toBe(4);
  });

  it('can be set from the start, and counted by the machine’s time', async () => {
    const own = await openFixture({ rateLimit: { perEndpoint: 1 }, limitBy: 'machine' });
    expect(await answered(3, () => own.stripe.customers.list())).toBe(1);
    // The sandbox's time is not the one that counts.
    await own.sandbox.clock.advance(10_000);
    expect(await answered(1, () => own.stripe.customers.list())).toBe(0);
    await own.close();
  });
});

it('an object that another request holds is answered with lock_timeout', async () => {
  const { sandbox, stripe } = fixture;
  const { id } = await subscribe(fixture);
  sandbox.faults.api({
    path: `/v1/subscriptions/${id}`,
    status: 429,
    code: 'lock_timeout',
    times: 1,
  });
  const error = await refusal(stripe.subscriptions.retrieve(id));
  expect(error).toMatchObject({ statusCode: 429, code: 'lock_timeout' });
  expect((await stripe.subscriptions.retrieve(id)).id).toBe(id);
});

it('requests are counted by endpoint, limited and refused ones included', async () => {
  const { sandbox, stripe } = fixture;
  const { id } = await subscribe(fixture);
  sandbox.faults.api({ path: `/v1/subscriptions/${id}`, status: 429, times: 1 });
  await refusal(stripe.subscriptions.retrieve(id));
  await stripe.subscriptions.retrieve(id);
  await refusal(stripe.subscriptions.retrieve('sub_none'));
  const expected = { asked: 3, limited: 1, refused: 1 };
  expect(sandbox.counts()['GET /v1/subscriptions/:id']).toEqual(expected);
  const response = await fetch(`${sandbox.url}/_sandbox/requests/counts`, { headers: withKey });
  expect(await response.json()).toMatchObject({ data: { 'GET /v1/subscriptions/:id': expected } });
});
