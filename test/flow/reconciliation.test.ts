import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reconcile } from '../helpers/reconciliation.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

const dayMs = 86_400_000;

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

/** A subscriber whom both sides know. */
async function subscriber(userId: string): Promise<string> {
  await shop.buy(userId, 'pro');
  await shop.settle();
  return (await shop.subscriptionOf(userId)).id;
}

/** What happens at Stripe meanwhile is never told of, and Stripe keeps no event of it either. */
async function untold(work: () => Promise<unknown>): Promise<void> {
  shop.sandbox.faults.events = { suppress: ['*'] };
  await work();
  shop.sandbox.faults.events = {};
}

function sql(text: string, ...values: unknown[]): Promise<unknown> {
  return shop.service.deps.database.pool.query(text, values);
}

describe('a mirror that is right', () => {
  it('has no findings, however often it is compared', async () => {
    await subscriber('ann');
    await shop.buy('bob', 'pass');
    await shop.settle();
    const first = await reconcile(shop.service);
    expect(first).toMatchObject({ status: 'done', error: null, findings: [] });
    const second = await reconcile(shop.service);
    expect(second).toMatchObject({ status: 'done', findings: [] });
  });
});

describe('drift', () => {
  it('a subscription that no webhook told of gives access, and a second run finds nothing', async () => {
    await untold(() => shop.buy('ann', 'pro'));
    await shop.settle();
    expect(await shop.entitled('ann')).toEqual({});
    const run = await reconcile(shop.service);
    expect(run.status).toBe('done');
    expect(run.findings).toContain('paid_but_blocked subscription fixed');
    expect(await shop.entitled('ann')).toEqual({ export: true, notebooks: 10 });
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('a purchase that no webhook told of gives access', async () => {
    await untold(() => shop.buy('ann', 'forever'));
    const run = await reconcile(shop.service);
    expect(run.findings).toContain('paid_but_blocked checkout.session fixed');
    expect(await shop.entitled('ann')).toEqual({ theme: { dark: false } });
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('a cancellation that no webhook told of ends access', async () => {
    const id = await subscriber('ann');
    await untold(() => shop.sandbox.billing.cancelNow(id));
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({
      status: 'done',
      findings: ['unpaid_but_active subscription fixed'],
    });
    expect(await shop.entitled('ann')).toEqual({});
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('a refund that no webhook told of ends what was bought', async () => {
    await shop.buy('ann', 'forever');
    await shop.settle();
    const charge = await shop.chargeOf('ann');
    await untold(() => shop.stripe.refunds.create({ charge: charge.id }));
    const run = await reconcile(shop.service);
    expect(run.findings).toContain('unpaid_but_active charge fixed');
    expect(await shop.entitled('ann')).toEqual({});
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('a plan, a quantity and an end that were changed in the database come back', async () => {
    const ann = await subscriber('ann');
    const bob = await subscriber('bob');
    const eve = await subscriber('eve');
    const team = await shop.stripe.prices.retrieve(shop.prices.team);
    await sql(
      'update subscription_items set price_id = $2, product_id = $3 where subscription_id = $1',
      ann,
      team.id,
      team.product,
    );
    await sql('update subscription_items set quantity = 7 where subscription_id = $1', bob);
    await sql(
      'update subscriptions set cancel_at = $2 where id = $1',
      eve,
      new Date(testStart + 9 * dayMs),
    );
    const run = await reconcile(shop.service);
    expect(run.findings).toEqual([
      'plan_mismatch subscription fixed',
      'quantity_mismatch subscription fixed',
      'window_mismatch subscription fixed',
    ]);
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('a subscription that was ended in the database is alive again, an hour after', async () => {
    const id = await subscriber('ann');
    await sql(
      `update subscriptions set status = 'canceled', effective_status = 'canceled', ended_at = $2 where id = $1`,
      id,
      new Date(testStart),
    );
    await shop.advanceTo(testStart + 3 * 3_600_000);
    const run = await reconcile(shop.service);
    expect(run.findings).toContain('window_mismatch subscription fixed');
    const { status } = await shop.service.deps.database.prisma.subscription.findUniqueOrThrow({
      where: { id },
    });
    expect(status).toBe('active');
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });
});
