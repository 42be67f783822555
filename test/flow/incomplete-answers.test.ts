import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { applySnapshot } from '../../src/mirror/apply.ts';
import { fetchSnapshot } from '../../src/mirror/fetch.ts';
import { syncObject } from '../../src/mirror/sync.ts';
import { drawNumber } from '../../src/webhook/fetch-numbers.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/* Answers of Stripe that lack something, or say what we do not know, take nothing away (promise 6). */

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

describe('a summary of Stripe’s own entitlements', () => {
  it('of a customer with more than one transaction writes is fetched when all was written', async () => {
    const { id: customer } = await shop.stripe.customers.create({
      metadata: { project_id: 'notes', user_id: userId },
    });
    await shop.settle();
    // Its own news of each would be as many fetches.
    shop.sandbox.faults.webhooks = { drop: true };
    const made = await Promise.all(
      Array.from({ length: 101 }, () =>
        shop.stripe.subscriptions.create({ customer, items: [{ price: shop.prices.pro }] }),
      ),
    );
    shop.sandbox.faults.clear();
    const { deps } = shop.service;
    const transactions = vi.spyOn(deps.database, 'transaction');
    await syncObject(deps, { objectType: 'entitlement_summary', objectId: customer });
    expect(transactions).toHaveBeenCalledTimes(2);
    transactions.mockRestore();
    const { prisma } = deps.database;
    const stored = await prisma.subscription.count({
      where: { id: { in: made.map(({ id }) => id) }, user: { userId } },
    });
    expect(stored).toBe(101);
    const { fetched } = await prisma.followedObject.findUniqueOrThrow({
      where: {
        objectType_objectId: { objectType: 'entitlement_summary', objectId: customer },
      },
    });
    expect(fetched).toBeGreaterThan(0n);
    expect(await shop.entitled(userId)).toEqual(pro);
  });
});

describe('a relative that Stripe does not know', () => {
  it('takes nothing from the session that names it, raises an alarm, and is made good by later news', async () => {
    const { deps } = shop.service;
    const sessionId = await shop.buy(userId, 'pro');
    const missing = vi.spyOn(deps.stripe.subscriptions, 'retrieve').mockRejectedValueOnce(
      new Stripe.errors.StripeInvalidRequestError({
        type: 'invalid_request_error',
        code: 'resource_missing',
        statusCode: 404,
      }),
    );
    const outcome = await syncObject(deps, {
      objectType: 'checkout.session',
      objectId: sessionId,
    });
    missing.mockRestore();
    expect(outcome).toBe('applied');
    const session = await deps.database.prisma.checkoutSession.findUnique({
      where: { id: sessionId },
    });
    expect(session?.uid).not.toBeNull();
    expect(await deps.metrics.registry.metrics()).toContain(
      'latchkey_alarms_total{kind="object_missing"}',
    );
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual(pro);
  });
});

describe('a page of items that comes short', () => {
  it('takes nothing away, and is asked for again', async () => {
    const { deps } = shop.service;
    await shop.buy(userId, 'pro');
    await shop.settle();
    const subscription = await shop.subscriptionOf(userId);
    const empty = { ...subscription.items, data: [], has_more: false };
    const retrieve = vi
      .spyOn(deps.stripe.subscriptions, 'retrieve')
      .mockResolvedValueOnce(responseOf({ ...subscription, items: empty }));
    const object = { objectType: 'subscription', objectId: subscription.id } as const;
    await expect(syncObject(deps, object)).rejects.toThrow('fewer items');
    retrieve.mockRestore();
    expect(await shop.entitled(userId)).toEqual(pro);
  });

  function responseOf<T extends object>(object: T): Stripe.Response<T> {
    return Object.assign(object, { lastResponse });
  }
  const lastResponse = { headers: {}, requestId: 'req_1', statusCode: 200 };
});

describe('an unknown status', () => {
  it('leaves a debtor without access, and a payer with it', async () => {
    const { deps } = shop.service;
    for (const [debt, expected] of [
      [true, {}],
      [false, pro],
    ] as const) {
      userId = `u_${counter}_${debt ? 'debtor' : 'payer'}`;
      await shop.buy(userId, 'pro');
      await shop.settle();
      const { id } = await shop.subscriptionOf(userId);
      const object = { objectType: 'subscription', objectId: id } as const;
      const snapshotOf = async (status: string, dunningAnchorAt: Date | null) => {
        const snapshot = await fetchSnapshot(shop.stripe, object);
        return {
          ...snapshot,
          subscription: snapshot.subscription.map((row) => ({ ...row, status, dunningAnchorAt })),
        };
      };
      if (debt) {
        const since = new Date(shop.service.clock.now() - 30 * 86_400_000);
        const number = await drawNumber(deps.database);
        await applySnapshot(deps, await snapshotOf('past_due', since), number);
      }
      const number = await drawNumber(deps.database);
      await applySnapshot(deps, await snapshotOf('on_the_moon', null), number);
      expect(await shop.entitled(userId)).toEqual(expected);
    }
  });
});
