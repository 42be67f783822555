import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/* Which session an intent claims: the one that Stripe returned, even if that response was lost. */

let shop: Shop;
let userId = '';
let counter = 0;
const pro = { export: true, notebooks: 10 };

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());
beforeEach(() => {
  counter += 1;
  userId = `u_${counter}`;
});

describe('an intent’s id on a session that is not its own', () => {
  const intentOf = (user: string) =>
    shop.service.deps.database.prisma.checkoutIntent.findFirstOrThrow({
      where: { user: { userId: user } },
      orderBy: { createdAt: 'desc' },
    });
  /** As a payment link makes it: the buyer sets the reference, the merchant the metadata. */
  async function payByLink(
    reference: string,
    price: 'pro' | 'forever',
    metadata: Record<string, string> = { project_id: 'notes' },
  ): Promise<string> {
    const { id } = await shop.stripe.checkout.sessions.create({
      mode: price === 'pro' ? 'subscription' : 'payment',
      line_items: [{ price: shop.prices[price], quantity: 1 }],
      success_url: 'https://elsewhere.example',
      client_reference_id: reference,
      metadata,
      ...(price === 'pro' ? { subscription_data: { metadata } } : {}),
    });
    await shop.sandbox.buyer.pay(id);
    await shop.settle();
    return id;
  }
  const alarms = () => countAlarms(shop.service, 'intent_of_another_session');
  /** As if Stripe's response were lost. */
  async function loseAnswer(user: string, price: 'pro' | 'forever'): Promise<string> {
    await shop.checkout(user, price);
    const { id, sessionId } = await intentOf(user);
    await shop.stripe.checkout.sessions.expire(sessionId ?? '');
    await shop.service.deps.database.prisma.checkoutIntent.update({
      where: { id },
      data: { sessionId: null, customerId: null, expiresAt: null, status: 'failed' },
    });
    return id;
  }

  it.each(['pro', 'forever'] as const)(
    'claims nothing (%s): metadata and customer say whose it is, and an alarm is raised',
    async (price) => {
      await shop.checkout(userId, price);
      const { id } = await intentOf(userId);
      const before = await alarms();
      await payByLink(id, price);
      expect(await shop.entitled(userId)).toEqual({});
      expect(await alarms()).toBeGreaterThan(before);
      await payByLink(id, price, { project_id: 'notes', user_id: `${userId}_payer` });
      expect(await shop.entitled(userId)).toEqual({});
      expect(Object.keys(await shop.entitled(`${userId}_payer`))).not.toEqual([]);
    },
  );

  it.each([
    ['another price', 'forever', { project_id: 'notes' }],
    ['another project', 'pro', { project_id: 'elsewhere' }],
    ['no project', 'pro', {}],
  ] as const)(
    'claims no session of %s, though its own answer was lost',
    async (_, price, metadata) => {
      const id = await loseAnswer(userId, 'pro');
      const before = await alarms();
      await payByLink(id, price, metadata);
      expect(await shop.entitled(userId)).toEqual({});
      expect(await alarms()).toBeGreaterThan(before);
    },
  );

  it('claims the session whose answer was lost, and then no other', async () => {
    const { deps } = shop.service;
    const create = deps.stripe.checkout.sessions.create.bind(deps.stripe.checkout.sessions);
    let made = '';
    const lost = vi
      .spyOn(deps.stripe.checkout.sessions, 'create')
      .mockImplementationOnce(async (...given) => {
        made = (await create(...given)).id;
        throw new Stripe.errors.StripeConnectionError({ type: 'api_error', message: 'lost' });
      });
    expect((await shop.checkout(userId, 'pro')).status).toBe(502);
    lost.mockRestore();
    const before = await alarms();
    await shop.sandbox.buyer.pay(made);
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
    const subscription = await shop.subscriptionOf(userId);
    // The intent, not the metadata: an edit moves nothing.
    await shop.stripe.subscriptions.update(subscription.id, {
      metadata: { project_id: 'notes', user_id: 'somebody_else' },
    });
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
    expect(await alarms()).toBe(before);
    const intent = await intentOf(userId);
    expect(intent.sessionId).toBe(made);
    await payByLink(intent.id, 'pro');
    expect(await alarms()).toBeGreaterThan(before);
    const answer = await shop.service.request('GET', `/checkout/sessions/${made}`, {
      key: shop.key,
    });
    expect(answer).toMatchObject({ status: 200, body: { user_id: userId, status: 'complete' } });
  });
});
