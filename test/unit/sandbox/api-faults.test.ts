import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import Stripe from 'stripe';
import { clientOf, openFixture, refusal, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

describe('a fault of the API', () => {
  it('answers 500 for the configured requests, then works again', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.api({ path: '/v1/customers', method: 'POST', status: 500, times: 2 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const error = await refusal(stripe.customers.create({}));
      expect(error).toMatchObject({ statusCode: 500, rawType: 'api_error' });
    }
    await stripe.customers.create({});
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });

  it('answers 404 as for an object that does not exist yet', async () => {
    const { sandbox, stripe } = fixture;
    const { id } = await stripe.customers.create({});
    sandbox.faults.api({ path: `/v1/customers/${id}`, status: 404, times: 1 });
    const error = await refusal(stripe.customers.retrieve(id));
    expect(error).toMatchObject({ statusCode: 404, code: 'resource_missing' });
    expect(await stripe.customers.retrieve(id)).toMatchObject({ id });
  });

  it('answers 429 with how long to wait', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.api({ path: /^\/v1\/subscriptions/, status: 429, retryAfterSeconds: 7 });
    const error = await refusal(stripe.subscriptions.list());
    expect(error).toBeInstanceOf(Stripe.errors.StripeRateLimitError);
    expect(error.headers?.['retry-after']).toBe('7');
    sandbox.faults.clear();
    expect((await stripe.subscriptions.list()).data).toEqual([]);
  });

  it('limits the rate in earnest: what is above it is refused until time passes', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.rateLimit(3);
    const attempts = await Promise.allSettled(
      Array.from({ length: 5 }, () => stripe.customers.list()),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    await sandbox.clock.advance(1_000);
    expect((await stripe.customers.list()).data).toEqual([]);
  });

  it('hangs: the request is never answered', async () => {
    const { sandbox, stripe } = fixture;
    sandbox.faults.api({ hang: true, times: 1 });
    const hasty = clientOf(sandbox, 'sk_test_sandbox', 50);
    expect(await refusal(hasty.customers.list())).toBeInstanceOf(
      Stripe.errors.StripeConnectionError,
    );
    expect((await stripe.customers.list()).data).toEqual([]);
  });

  it('shows an empty page where there is something', async () => {
    const { sandbox, stripe } = fixture;
    await stripe.customers.create({});
    sandbox.faults.api({ emptyPage: true, times: 1 });
    expect(await stripe.customers.list()).toMatchObject({ data: [], has_more: false });
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });
});
