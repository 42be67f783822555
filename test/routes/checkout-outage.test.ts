import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { askStripe } from '../../src/checkout/stripe-answer.ts';
import { useCheckout } from '../helpers/checkout.ts';
import { startTestService } from '../helpers/service.ts';

const checkout = useCheckout();

/**
 * Makes Stripe fail to create a customer, opens two checkouts, and returns their statuses.
 *
 * @param times the number of failures, including those that Stripe repeats.
 */
async function tryTwice(userId: string, times: number): Promise<number[]> {
  const failure = { path: '/v1/customers', method: 'POST', status: 500, begun: true } as const;
  checkout.shop.sandbox.faults.api({ ...failure, times });
  const first = await checkout.shop.checkout(userId, 'pro');
  const second = await checkout.shop.checkout(userId, 'pro');
  return [first.status, second.status];
}

describe('502', () => {
  it('Stripe refuses the key: the answer says what to correct', async () => {
    const mistaken = await startTestService({
      stripeUrl: checkout.shop.sandbox.url,
      stripeKey: 'sk_test_of_another_account',
    });
    try {
      await expect(
        askStripe(mistaken.deps.logger, 'customers.list', () =>
          mistaken.deps.stripe.customers.list(),
        ),
      ).rejects.toMatchObject({
        code: 'stripe_unavailable',
        message: "Stripe rejects the service's key. An operator must correct STRIPE_SECRET_KEY.",
      });
    } finally {
      await mistaken.close();
    }
  });

  it('Stripe refuses the key a permission: the answer says where the permissions are listed', async () => {
    const refusal = new Stripe.errors.StripePermissionError({
      type: 'invalid_request_error',
      message: 'The provided key does not have the required permissions',
      statusCode: 403,
    });
    await expect(
      askStripe(checkout.shop.service.deps.logger, 'customers.create', () =>
        Promise.reject(refusal),
      ),
    ).rejects.toMatchObject({
      code: 'stripe_unavailable',
      message:
        'The service\'s Stripe key lacks a permission for this. An operator must add it: docs/operations.md lists the permissions under "Stripe refuses the key".',
    });
  });

  it('Stripe is away: the intent failed, and another try works', async () => {
    checkout.shop.sandbox.faults.api({ path: /\/v1\/checkout\/sessions/, status: 500 });
    expect(await checkout.shop.checkout('u_retry', 'pro')).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
    const intents = await checkout.shop.service.deps.database.prisma.checkoutIntent.findMany({
      where: { user: { userId: 'u_retry' } },
    });
    expect(intents.map(({ status }) => status)).toEqual(['failed']);
    checkout.shop.sandbox.faults.clear();
    expect((await checkout.shop.checkout('u_retry', 'pro')).status).toBe(201);
  });

  it('Stripe failed to make the customer, and repeats that for a day: the next minute works', async () => {
    expect(await tryTwice('u_kept', 3)).toEqual([502, 502]);
    checkout.shop.service.clock.advance(60_000);
    expect((await checkout.shop.checkout('u_kept', 'pro')).status).toBe(201);
    const { data } = await checkout.shop.stripe.customers.list({ limit: 100 });
    const made = data.filter(({ metadata }) => metadata['user_id'] === 'u_kept');
    expect(made.map(({ id }) => id)).toEqual([await checkout.shop.customerOf('u_kept')]);
  });

  it('Stripe failed once to make the session, and repeats that for a day: the repeated request works', async () => {
    const path = '/v1/checkout/sessions';
    checkout.shop.sandbox.faults.api({ path, method: 'POST', status: 500, begun: true, times: 1 });
    const statuses = [];
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await checkout.shop.service.request('POST', '/checkout/sessions', {
        key: checkout.shop.key,
        body: {
          user_id: 'u_session_again',
          price_id: checkout.shop.prices.pro,
          success_url: 'https://notes.example/welcome',
          cancel_url: 'https://notes.example/pricing',
        },
        headers: { 'idempotency-key': 'session-again' },
      });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([502, 201]);
  });

  it('Stripe failed once to make the customer, and repeats that for a day: another try works', async () => {
    expect(await tryTwice('u_kept_once', 1)).toEqual([502, 201]);
  });
});
