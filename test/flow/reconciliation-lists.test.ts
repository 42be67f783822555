import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reconcile } from '../helpers/reconciliation.ts';
import { cancelUntold, entitledUsers } from '../helpers/subscribers.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Lists that do not show what there is: what they lack is not gone, and a run that cannot have seen all
 * does not end as if it had.
 */

const dayMs = 86_400_000;
// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await shop.close();
});

/** Subscribers at Stripe, whom the service has not heard of. */
function seed(count: number, userId = 'u{n}'): Promise<string[]> {
  return shop.sandbox.seed({
    count,
    prices: [shop.prices.pro],
    metadata: { project_id: 'notes', user_id: userId },
  });
}

/** As many, one after the other within a stretch of time that ends now, all of them mirrored. */
async function seedMirrored(count: number, overMs: number): Promise<string[]> {
  const now = shop.service.clock.now();
  const ids = await shop.sandbox.seed({
    count,
    prices: [shop.prices.pro],
    createdFrom: now - overMs,
    createdTo: now,
    metadata: { project_id: 'notes', user_id: 'u{n}' },
  });
  expect(await reconcile(shop.service)).toMatchObject({ status: 'done', error: null });
  return ids;
}

type List<T> = Promise<Stripe.ApiList<T>>;

/** What Stripe answers to the service's lists of subscriptions goes through `change`. */
function changeSubscriptionLists(
  change: (
    params: Stripe.SubscriptionListParams,
    list: (params: Stripe.SubscriptionListParams) => List<Stripe.Subscription>,
  ) => List<Stripe.Subscription>,
) {
  const { subscriptions } = shop.service.deps.stripe;
  const list = subscriptions.list.bind(subscriptions);
  return vi
    .spyOn(subscriptions, 'list')
    .mockImplementation((params = {}) => change(params, list) as ReturnType<typeof list>);
}

describe('a list of subscriptions', () => {
  it('that shows none of those that are older than the last success ends no run well', async () => {
    await seed(3);
    await reconcile(shop.service);
    await shop.advanceTo(testStart + 3 * dayMs);
    expect(await reconcile(shop.service)).toMatchObject({ status: 'done' });
    shop.sandbox.faults.api({ path: '/v1/subscriptions', method: 'GET', emptyPage: true });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete: 3 objects/);
  });

  it('that says there is more and shows nothing ends no run well', async () => {
    await seed(3);
    changeSubscriptionLists(async (params, list) => ({
      ...(await list(params)),
      data: [],
      has_more: true,
    }));
    const run = await reconcile(shop.service);
    expect(run.status).toBe('failed');
    expect(run.error).toMatch(/^stripe_implausible/);
  });

  it('that shows the same page again and again ends no run well', async () => {
    await seed(3);
    const asked = changeSubscriptionLists(async (_, list) => {
      if (asked.mock.calls.length > 20) throw new Error('asked for ever');
      return { ...(await list({ status: 'all', limit: 2 })), has_more: true };
    });
    const run = await reconcile(shop.service);
    expect(run.error).toMatch(/^stripe_implausible/);
  });

  it('in which what the next page begins behind is gone is walked to its end', async () => {
    await seed(5);
    const isGone = new Set<string>();
    changeSubscriptionLists((params, list) => {
      const { starting_after: after } = params;
      if (after === undefined) return list({ ...params, limit: 2 });
      if (isGone.size > 0) return list(params);
      isGone.add(after);
      return list({ ...params, starting_after: 'sub_gone' });
    });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'done', error: null });
    expect(isGone.size).toBe(1);
    expect(await shop.entitled('u0')).toEqual({ export: true, notebooks: 10 });
    expect(await shop.entitled('u4')).toEqual({ export: true, notebooks: 10 });
  });
});

describe('subscriptions on a test clock, which lists leave out', () => {
  it('are fetched alone: no run fails for them, access stays, and a lost cancellation ends it', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 24; n += 1) {
      const metadata = { project_id: 'notes', user_id: `u${n}` };
      const { id: customer } = await shop.stripe.customers.create({
        metadata,
        test_clock: 'clock_1',
      });
      const items = [{ price: shop.prices.pro }];
      const { id } = await shop.stripe.subscriptions.create({ customer, items, metadata });
      ids.push(id);
    }
    await shop.settle();
    expect((await shop.stripe.subscriptions.list({ status: 'all' })).data).toEqual([]);
    expect(await reconcile(shop.service)).toMatchObject({
      status: 'done',
      error: null,
      findings: [],
    });
    expect(await entitledUsers(shop)).toBe(24);
    await cancelUntold(shop, ids.slice(0, 1));
    expect(await reconcile(shop.service)).toMatchObject({
      status: 'done',
      error: null,
      findings: ['unpaid_but_active subscription fixed'],
    });
    expect(await entitledUsers(shop)).toBe(23);
  });
});

describe('a page that ends in the middle of a second', () => {
  beforeEach(() => {
    shop.sandbox.largestPage = 10;
  });

  it.each([
    { count: 16, overMs: 6_000, named: '16 subscriptions, two or three a second' },
    { count: 25, overMs: 0, named: '25 subscriptions of one second, over three pages' },
    { count: 21, overMs: 1_000, named: '21 subscriptions, all but one of them of one second' },
  ])('lacks none of $named', async ({ count, overMs }) => {
    const ids = await seedMirrored(count, overMs);
    const lost = [0, count - 11, count - 10, count - 1].map((nth) => ids[nth] ?? '');
    await cancelUntold(shop, lost);
    const asked = shop.sandbox.requests.length;
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({
      status: 'done',
      error: null,
      findings: lost.map(() => 'unpaid_but_active subscription fixed'),
    });
    // Each loss is looked at again before it is applied; nothing else is asked for by its id.
    const alone = shop.sandbox.requests
      .slice(asked)
      .filter(({ endpoint }) => endpoint === 'GET /v1/subscriptions/:id');
    expect(alone.map(({ path }) => path).sort()).toEqual(
      lost.map((id) => `/v1/subscriptions/${id}`).sort(),
    );
    expect(await entitledUsers(shop)).toBe(count - lost.length);
  });

  it('lets the next run begin where this one began', async () => {
    await seedMirrored(25, 0);
    const startedAt = testStart + dayMs;
    await shop.advanceTo(startedAt);
    await reconcile(shop.service);
    const { id } = await reconcile(shop.service);
    const { progress } =
      await shop.service.deps.database.prisma.reconciliationRun.findUniqueOrThrow({
        where: { id },
      });
    expect(progress).toMatchObject({ since: startedAt - 7_200_000 });
  });

  it('looks for what was not listed in that second when the second is over', async () => {
    const ids = await seedMirrored(15, 0);
    const unlisted = new Set([ids[3], ids[12]]);
    changeSubscriptionLists(async (params, list) => {
      const page = await list(params);
      return { ...page, data: page.data.filter(({ id }) => !unlisted.has(id)) };
    });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete: 2 objects/);
  });

  it('does not miss on the next page what was made in that second meanwhile', async () => {
    await seedMirrored(15, 0);
    const asked = changeSubscriptionLists(async (params, list) => {
      const page = await list(params);
      if (asked.mock.calls.length === 1) {
        await shop.buy('late', 'pro');
        await shop.settle();
      }
      return page;
    });
    expect(await reconcile(shop.service)).toMatchObject({
      status: 'done',
      error: null,
      findings: [],
    });
    expect(await shop.entitled('late')).toEqual({ export: true, notebooks: 10 });
  });

  it('is walked on from the start of that second where what it ended with is gone', async () => {
    await seed(25);
    let gone: string | undefined;
    changeSubscriptionLists(async (params, list) => {
      const after = params.starting_after;
      const page = await list({
        ...params,
        ...(after === undefined || after !== gone ? {} : { starting_after: 'sub_gone' }),
      });
      gone ??= page.data.at(-1)?.id;
      return after === undefined && params.created === undefined
        ? page
        : { ...page, data: page.data.filter(({ id }) => id !== gone) };
    });
    expect(await reconcile(shop.service)).toMatchObject({ status: 'done', error: null });
    expect(await entitledUsers(shop)).toBe(25);
  });
});
