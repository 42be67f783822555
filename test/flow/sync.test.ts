import fc from 'fast-check';
import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { applySnapshot } from '../../src/mirror/apply.ts';
import { fetchSnapshot } from '../../src/mirror/fetch.ts';
import { syncObject } from '../../src/mirror/sync.ts';
import { syncAll } from '../../src/mirror/worker.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { drawNumber } from '../../src/webhook/fetch-numbers.ts';
import { claimQueued, maxAttempts } from '../../src/webhook/sync-queue.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let counter = 0;
const pro = { export: true, notebooks: 10 };
const team = { export: true, notebooks: 'unlimited', theme: { dark: true } };

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
  counter += 1;
});

async function subscribed(): Promise<{ userId: string; id: string }> {
  const userId = `u_${counter}`;
  await shop.buy(userId, 'pro');
  await shop.settle();
  return { userId, id: (await shop.subscriptionOf(userId)).id };
}

/** Moves the subscription to the price of the team. */
async function upgrade(id: string): Promise<void> {
  const { items } = await shop.stripe.subscriptions.retrieve(id);
  const item = items.data[0]?.id ?? '';
  await shop.stripe.subscriptions.update(id, { items: [{ id: item, price: shop.prices.team }] });
}

function followed(objectId: string) {
  return shop.service.deps.database.prisma.followedObject.findFirstOrThrow({ where: { objectId } });
}

describe('promise 2: order, repetition and delay do not matter', () => {
  it('a late worker cannot write an older snapshot over a newer one', async () => {
    const { deps } = shop.service;
    const { userId, id } = await subscribed();
    const subscription = { objectType: 'subscription', objectId: id } as const;
    const early = await drawNumber(deps.database);
    const older = await fetchSnapshot(shop.stripe, subscription);
    await shop.stripe.subscriptions.update(id, { cancel_at_period_end: true });
    await syncObject(deps, subscription);
    const row = await deps.database.prisma.subscription.findUniqueOrThrow({ where: { id } });
    await applySnapshot(deps, older, early);
    expect(await deps.database.prisma.subscription.findUniqueOrThrow({ where: { id } })).toEqual(
      row,
    );
    expect(row.cancelAtPeriodEnd).toBe(true);
    expect(await shop.entitled(userId)).toEqual(pro);
  });

  it('an event that arrives during a fetch stays wanted', async () => {
    const { deps } = shop.service;
    const { id } = await subscribed();
    const number = await drawNumber(deps.database);
    const snapshot = await fetchSnapshot(shop.stripe, { objectType: 'subscription', objectId: id });
    await shop.stripe.subscriptions.cancel(id);
    await shop.sandbox.deliver();
    await applySnapshot(deps, snapshot, number);
    const { wanted, fetched } = await followed(id);
    expect(wanted).toBeGreaterThan(fetched);
  });

  it('the number is drawn before the fetch: what happens during it is fetched again', async () => {
    const { deps } = shop.service;
    const { userId, id } = await subscribed();
    const { hostname, port } = new URL(shop.sandbox.url);
    const stripe = new Stripe('sk_test_123', { host: hostname, port, protocol: 'http' });
    const { subscriptions } = stripe;
    const retrieve = subscriptions.retrieve.bind(subscriptions);
    vi.spyOn(subscriptions, 'retrieve').mockImplementationOnce(async (asked) => {
      const answer = await retrieve(asked);
      await shop.stripe.subscriptions.cancel(id);
      await shop.sandbox.deliver();
      return answer;
    });
    await syncObject({ ...deps, stripe }, { objectType: 'subscription', objectId: id });
    expect(await shop.entitled(userId)).toEqual(pro);
    await shop.service.runWorker();
    expect(await shop.entitled(userId)).toEqual({});
  });

  it(
    'shuffled, repeated and interleaved deliveries end where Stripe stands',
    { timeout: 90_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom('cancel', 'team', 'pro', 'pause', 'deliver', 'sync'), {
            minLength: 3,
            maxLength: 8,
          }),
          async (steps) => {
            counter += 1;
            const { userId, id } = await subscribed();
            shop.sandbox.faults.webhooks = { shuffle: true, repeat: 2 };
            for (const step of steps) await take(step, id);
            await shop.settle();
            await shop.settle();
            const {
              status,
              items,
              pause_collection: paused,
            } = await shop.stripe.subscriptions.retrieve(id);
            const priceId = items.data[0]?.price.id;
            const expected = status === 'canceled' ? {} : priceId === shop.prices.team ? team : pro;
            expect(paused === null || status === 'active' || status === 'canceled').toBe(true);
            expect(await shop.entitled(userId)).toEqual(expected);
          },
        ),
        { numRuns: 12 },
      );
    },
  );

  async function take(step: string, id: string): Promise<void> {
    const now = await shop.stripe.subscriptions.retrieve(id);
    const item = now.items.data[0]?.id ?? '';
    if (step === 'deliver') return shop.sandbox.deliver();
    if (step === 'sync') return shop.service.runWorker();
    if (now.status === 'canceled') return;
    if (step === 'cancel') await shop.stripe.subscriptions.cancel(id);
    else if (step === 'pause') {
      await shop.stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } });
    } else {
      const price = step === 'team' ? shop.prices.team : shop.prices.pro;
      await shop.stripe.subscriptions.update(id, { items: [{ id: item, price }] });
    }
  }

  it('two workers at once apply everything, once', async () => {
    const buyers = Array.from({ length: 6 }, (_, i) => `u_twin_${i}`);
    for (const buyer of buyers) await shop.buy(buyer, 'pro');
    await shop.sandbox.deliver();
    await Promise.all([syncAll(shop.service.deps), syncAll(shop.service.deps)]);
    for (const buyer of buyers) expect(await shop.entitled(buyer)).toEqual(pro);
  });
});

describe('promise 1: a crash loses nothing', () => {
  it('what a killed worker held is taken by another when its lease has run out', async () => {
    const { deps, clock } = shop.service;
    const { userId, id } = await subscribed();
    await shop.stripe.subscriptions.cancel(id);
    await shop.sandbox.deliver();
    const held = await claimQueued(deps.database, clock.now(), {
      limit: 100,
      of: 'all',
      quietMs: 0,
    });
    expect(held.map(({ objectId }) => objectId)).toContain(id);
    await shop.service.runWorker();
    expect(await shop.entitled(userId)).toEqual(pro);
    clock.advance(10_000);
    await shop.service.runWorker();
    expect(await shop.entitled(userId)).toEqual({});
  });
});

describe('promise 6: missing evidence never ends access', () => {
  const refusal = { type: 'api_error', message: 'no' } as const;

  function refuse(error: Error) {
    const { subscriptions } = shop.service.deps.stripeInBackground;
    return vi.spyOn(subscriptions, 'retrieve').mockRejectedValue(error);
  }

  it.each([
    ['500', () => new Stripe.errors.StripeAPIError({ ...refusal, statusCode: 500 })],
    ['429', () => new Stripe.errors.StripeRateLimitError({ ...refusal, statusCode: 429 })],
    ['401', () => new Stripe.errors.StripeAuthenticationError({ ...refusal, statusCode: 401 })],
    ['403', () => new Stripe.errors.StripePermissionError({ ...refusal, statusCode: 403 })],
    ['nothing', () => new Stripe.errors.StripeConnectionError(refusal)],
    ['and Postgres is gone meanwhile', () => new Error('connect ECONNREFUSED 127.0.0.1:5432')],
  ])(
    'Stripe answers %s for hours: access stays, the object stays wanted, and is fetched when it is over',
    async (_, error) => {
      const { userId, id } = await subscribed();
      await upgrade(id);
      await shop.sandbox.deliver();
      const retrieve = refuse(error());
      for (let attempt = 0; attempt < 2 * maxAttempts; attempt += 1) {
        await shop.service.runWorker();
        shop.service.clock.advance(600_000);
      }
      expect(await shop.entitled(userId)).toEqual(pro);
      const { wanted, fetched, attempts, lastError, failedAt } = await followed(id);
      expect(wanted).toBeGreaterThan(fetched);
      expect(lastError).not.toBeNull();
      expect([attempts, failedAt]).toEqual([0, null]);
      retrieve.mockRestore();
      shop.service.clock.advance(60_000);
      await shop.service.runWorker();
      expect(await shop.entitled(userId)).toEqual(team);
    },
  );

  it('an object that Stripe keeps refusing becomes failed, and recovers automatically', async () => {
    const { userId, id } = await subscribed();
    await upgrade(id);
    await shop.sandbox.deliver();
    const retrieve = refuse(
      new Stripe.errors.StripeInvalidRequestError({ ...refusal, statusCode: 400 }),
    );
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      await shop.service.runWorker();
      shop.service.clock.advance(600_000);
    }
    expect((await followed(id)).failedAt).not.toBeNull();
    expect(await shop.entitled(userId)).toEqual(pro);
    retrieve.mockRestore();
    shop.service.clock.advance(3_600_000);
    await shop.service.runWorker();
    expect(await shop.entitled(userId)).toEqual(team);
    expect((await followed(id)).failedAt).toBeNull();
  });

  it('an object that Stripe does not know ends in an alarm, not in a revocation', async () => {
    const { deps } = shop.service;
    const { userId, id } = await subscribed();
    // As with another account's key: every id is unknown.
    const empty = await startSandbox({ secretKey: 'sk_test_123', delivery: 'manual' });
    const { hostname, port } = new URL(empty.url);
    const stripe = new Stripe('sk_test_123', { host: hostname, port, protocol: 'http' });
    const outcome = await syncObject(
      { ...deps, stripe },
      { objectType: 'subscription', objectId: id },
    );
    await empty.close();
    expect(outcome).toBe('missing');
    expect(await shop.entitled(userId)).toEqual(pro);
    expect(await deps.metrics.registry.metrics()).toContain(
      'latchkey_alarms_total{kind="object_missing"}',
    );
  });
});
