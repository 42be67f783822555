import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
const day = 86_400_000;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

describe('a one-time purchase', () => {
  it('lasts its days to the millisecond', async () => {
    await shop.buy('u_pass', 'pass');
    await shop.settle();
    const { created } = await shop.chargeOf('u_pass');
    const end = created * 1000 + 30 * day;
    shop.service.clock.set(end - 1);
    expect(await shop.entitled('u_pass')).toEqual({ export: true });
    shop.service.clock.set(end);
    expect(await shop.entitled('u_pass')).toEqual({});
  });

  it('refunded in full, ends; what another source gives stays', async () => {
    await shop.buy('u_refund', 'forever');
    await shop.buy('u_refund', 'pro');
    await shop.settle();
    expect(Object.keys(await shop.entitled('u_refund'))).toEqual(['export', 'notebooks', 'theme']);
    const { data } = await shop.stripe.charges.list({ limit: 100 });
    const purchase = await shop.service.deps.database.prisma.purchase.findFirstOrThrow({
      where: { user: { userId: 'u_refund' } },
    });
    const charge = data.find(({ payment_intent: intent }) => intent === purchase.paymentIntentId);
    await shop.sandbox.billing.refund(charge?.id ?? '');
    await shop.settle();
    expect(await shop.entitled('u_refund')).toEqual({ export: true, notebooks: 10 });
    expect(await shop.reason('u_refund', 'theme')).toBe('expired');
  });

  it('refunded in part, stays by the default policy', async () => {
    await shop.buy('u_part', 'forever');
    await shop.settle();
    const { id } = await shop.chargeOf('u_part');
    await shop.sandbox.billing.refund(id, 300);
    await shop.settle();
    expect(await shop.entitled('u_part')).toEqual({ theme: { dark: false } });
    await shop.sandbox.billing.refund(id, 700);
    await shop.settle();
    expect(await shop.entitled('u_part')).toEqual({});
  });

  it('refunded before the event of its completion, never gives access', async () => {
    await shop.buy('u_early', 'forever');
    const { id } = await shop.chargeOf('u_early');
    await shop.sandbox.billing.refund(id);
    await shop.settle();
    expect(await shop.entitled('u_early')).toEqual({});
  });

  it('on the success page before any webhook: the buyer never sees "not bought"', async () => {
    const session = await shop.buy('u_quick', 'pass');
    expect(await shop.entitled('u_quick')).toEqual({});
    const { status, body } = await shop.service.request('GET', `/checkout/sessions/${session}`, {
      key: shop.key,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: session,
      status: 'complete',
      payment_status: 'paid',
      user_id: 'u_quick',
    });
    expect(at(body, 'entitlements', 0, 'feature_code')).toBe('export');
    expect(await shop.entitled('u_quick')).toEqual({ export: true });
    await shop.settle();
    expect(await shop.entitled('u_quick')).toEqual({ export: true });
  });
});
