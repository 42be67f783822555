import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reconcile } from '../helpers/reconciliation.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

const dayMs = 86_400_000;

// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

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

  it('a lost dispute, a new price and an invoice that nobody told of are taken over', async () => {
    await shop.buy('ann', 'forever');
    await subscriber('bob');
    await shop.settle();
    const charge = await shop.chargeOf('ann');
    const { product } = await shop.stripe.prices.retrieve(shop.prices.pro);
    await untold(async () => {
      const id = await shop.sandbox.billing.openDispute(charge.id);
      await shop.sandbox.billing.closeDispute(id, 'lost');
      await shop.stripe.prices.create({
        product: typeof product === 'string' ? product : product.id,
        currency: 'usd',
        unit_amount: 5,
        recurring: { interval: 'month' },
      });
      await shop.advanceTo(testStart + 40 * dayMs);
    });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'done' });
    expect(run.findings).toEqual([
      'catalog_mismatch price fixed',
      'revenue_mismatch invoice fixed',
      'unpaid_but_active dispute fixed',
      'window_mismatch subscription fixed',
    ]);
    expect(await shop.entitled('ann')).toEqual({});
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('what was deleted at Stripe is gone here, since Stripe says so', async () => {
    await subscriber('ann');
    const customer = await shop.customerOf('ann');
    const product = await shop.stripe.products.create({ name: 'short-lived' });
    await shop.settle();
    await untold(async () => {
      await shop.stripe.customers.del(customer);
      await shop.stripe.products.del(product.id);
    });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'done', error: null });
    expect(run.findings).toEqual([
      'orphan_local customer fixed',
      // Of a product Stripe does not say so: it answers 404, as for one that never was.
      'orphan_local product open',
      'unpaid_but_active subscription fixed',
    ]);
    expect(await shop.entitled('ann')).toEqual({});
    expect((await reconcile(shop.service)).findings).toEqual(['orphan_local product open']);
  });

  it('what Stripe does not know keeps its access, and stays an open finding', async () => {
    const id = await subscriber('ann');
    await sql(
      `insert into subscriptions select (jsonb_populate_record(s, '{"id": "sub_unknown"}')).* from subscriptions s where id = $1`,
      id,
    );
    for (let nth = 0; nth < 2; nth += 1) {
      const run = await reconcile(shop.service);
      expect(run).toMatchObject({ status: 'done', findings: ['orphan_local subscription open'] });
    }
    expect(await shop.entitled('ann')).toEqual({ export: true, notebooks: 10 });
  });

  it('a subscription and a purchase that lost their user in the database get theirs back', async () => {
    const id = await subscriber('ann');
    await shop.buy('bob', 'forever');
    await shop.settle();
    await sql('update subscriptions set uid = null where id = $1', id);
    await sql('update checkout_sessions set uid = null');
    await sql('update purchases set uid = null');
    await reconcile(shop.service);
    const { prisma } = shop.service.deps.database;
    expect(await prisma.subscription.count({ where: { uid: null } })).toBe(0);
    expect(await prisma.purchase.count({ where: { uid: null } })).toBe(0);
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });

  it('events that never came go through the inbox, as if they had come', async () => {
    shop.sandbox.faults.webhooks = { drop: true };
    await shop.buy('ann', 'pro');
    await shop.sandbox.deliver();
    shop.sandbox.faults.webhooks = {};
    const run = await reconcile(shop.service);
    expect(run.findings).toContain('paid_but_blocked subscription fixed');
    expect(run.findings).toContain('missed_event event fixed');
    await shop.service.runWorker();
    const { prisma } = shop.service.deps.database;
    const types = await prisma.webhookEvent.findMany({ select: { type: true, outcome: true } });
    expect(types).toContainEqual({ type: 'customer.subscription.created', outcome: 'accepted' });
    expect((await reconcile(shop.service)).findings).toEqual([]);
  });
});

describe('who wants what', () => {
  it('what a dry run finds is counted as reported, also where nothing could be mended', async () => {
    const id = await subscriber('ann');
    await sql(
      `insert into subscriptions select (jsonb_populate_record(s, '{"id": "sub_unknown"}')).* from subscriptions s where id = $1`,
      id,
    );
    const { reconciliationFindings } = shop.service.deps.metrics;
    reconciliationFindings.reset();
    await reconcile(shop.service, { dryRun: true });
    const { values } = await reconciliationFindings.get();
    expect(values.filter(({ value }) => value > 0)).toEqual([
      { labels: { type: 'orphan_local', action: 'reported' }, value: 1 },
    ]);
  });

  it('a dry run reports, and changes nothing', async () => {
    const id = await subscriber('ann');
    await untold(() => shop.sandbox.billing.cancelNow(id));
    const run = await reconcile(shop.service, { dryRun: true });
    expect(run).toMatchObject({
      status: 'done',
      findings: ['unpaid_but_active subscription reported'],
    });
    expect(await shop.entitled('ann')).toEqual({ export: true, notebooks: 10 });
  });

  it.each([
    ['a dry run reports a new product with its prices, and changes nothing', true],
    ["a run of a project leaves alone a new product that is no project's", false],
  ])('%s', async (_title, dryRun) => {
    await shop.settle();
    await untold(async () => {
      const { id } = await shop.stripe.products.create({ name: 'new' });
      const monthly = { product: id, currency: 'usd', recurring: { interval: 'month' } } as const;
      await shop.stripe.prices.create({ ...monthly, unit_amount: 5 });
      const price = await shop.stripe.prices.create({ ...monthly, unit_amount: 6 });
      await shop.sandbox.seed({ count: 1, prices: [price.id] });
    });
    const held = await shop.service.deps.database.prisma.price.findMany();
    const run = await reconcile(shop.service, dryRun ? { dryRun } : { projectId: 'notes' });
    const reported = [
      'catalog_mismatch price reported',
      'catalog_mismatch price reported',
      'catalog_mismatch product reported',
      'orphan_at_stripe customer reported',
      'orphan_at_stripe subscription reported',
    ];
    expect(run).toMatchObject({ status: 'done', error: null, findings: dryRun ? reported : [] });
    expect(await shop.service.deps.database.prisma.price.findMany()).toEqual(held);
  });

  it('a dry run tells the effects that the run then has', async () => {
    await subscriber('ann');
    const { id: customer } = await shop.stripe.customers.create({
      metadata: { project_id: 'notes', user_id: 'bob' },
    });
    await untold(async () => {
      await shop.sandbox.billing.cancelNow((await shop.subscriptionOf('ann')).id);
      await shop.sandbox.seed({ count: 2, prices: [shop.prices.team] });
      await shop.buy('eve', 'forever');
      await shop.stripe.subscriptions.create({ customer, items: [{ price: shop.prices.pro }] });
    });
    const dry = await reconcile(shop.service, { dryRun: true });
    const wet = await reconcile(shop.service);
    const told = async (id: string) =>
      (
        await shop.service.deps.database.prisma.reconciliationFinding.findMany({
          where: { runId: id, objectType: { not: 'event' } },
          orderBy: [{ objectType: 'asc' }, { objectId: 'asc' }],
        })
      ).map(({ type, objectType, objectId, effect }) => ({ type, objectType, objectId, effect }));
    expect(await told(dry.id)).toEqual(await told(wet.id));
    expect(wet.findings).toContain('paid_but_blocked subscription fixed');
    expect(dry.findings).toContain('paid_but_blocked subscription reported');
  });

  it('a type that the project wants reported is not mended, by its events neither', async () => {
    const id = await subscriber('ann');
    await shop.service.request('PATCH', '/admin/projects/notes', {
      key: shop.key,
      body: { settings: { reconcile: { unpaid_but_active: 'report', plan_mismatch: 'fix' } } },
    });
    shop.sandbox.faults.webhooks = { drop: true };
    await shop.sandbox.billing.cancelNow(id);
    await shop.sandbox.deliver();
    const run = await reconcile(shop.service);
    await shop.service.runWorker();
    expect(run.findings).toContain('unpaid_but_active subscription reported');
    expect(run.findings).toContain('missed_event event reported');
    expect(await shop.entitled('ann')).toEqual({ export: true, notebooks: 10 });
  });

  it('a run of one user mends that one, and a run of a project what is its own', async () => {
    const ann = await subscriber('ann');
    const bob = await subscriber('bob');
    await untold(async () => {
      await shop.sandbox.billing.cancelNow(ann);
      await shop.sandbox.billing.cancelNow(bob);
    });
    await shop.service.createProject('other');
    expect((await reconcile(shop.service, { projectId: 'other' })).findings).toEqual([]);
    const scope = { projectId: 'notes', userId: 'ann' };
    expect((await reconcile(shop.service, scope)).findings).toEqual([
      'unpaid_but_active subscription fixed',
    ]);
    expect(await shop.entitled('bob')).toEqual({ export: true, notebooks: 10 });
    expect((await reconcile(shop.service, { projectId: 'notes' })).findings).toEqual([
      'unpaid_but_active subscription fixed',
    ]);
    expect(await shop.entitled('bob')).toEqual({});
  });

  it('a finding holds no personal data', async () => {
    await untold(() => shop.buy('ann', 'pro'));
    await reconcile(shop.service);
    const { prisma } = shop.service.deps.database;
    const customer = await prisma.customer.findFirstOrThrow();
    await sql(`update customers set email = 'other@example.com'`);
    const run = await reconcile(shop.service);
    expect(run.findings).toEqual(['missed_event customer fixed']);
    const rows = await prisma.reconciliationFinding.findMany();
    const written = JSON.stringify(rows, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(rows.length).toBeGreaterThan(1);
    expect(written).not.toMatch(/@|metadata/);
    expect(await prisma.customer.findUniqueOrThrow({ where: { id: customer.id } })).toMatchObject({
      email: customer.email,
    });
  });
});
