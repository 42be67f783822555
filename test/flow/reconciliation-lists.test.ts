import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reconcile } from '../helpers/reconciliation.ts';
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
    expect(run.error).toMatch(/^list_incomplete: .* 3 objects/);
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
