import Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { payAt, sell } from '../scenarios/buying.ts';
import { day, expectAccess, expectChangeAt, pass } from '../scenarios/steps.ts';

/*
 * A bank debit takes days: Stripe makes the charge when it submits the debit, and the same charge
 * succeeds days later. What was bought is counted from then on.
 */

vi.setConfig({ testTimeout: 60_000 });

const toldOfArrival = 'checkout.session.async_payment_succeeded';

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => shop.close());

/** Both are submitted now and arrive in three days; Stripe books the first now, the second then. */
type SlowCard = 'async_success' | 'async_booked_late';

/** A purchase whose money arrived, without an event of the arrival yet. */
interface SlowPurchase {
  userId: string;
  session: string;
  submittedAt: number;
  arrivedAt: number;
}

let counter = 0;

async function paySlowly(
  prices: string[],
  card: SlowCard,
  mode: 'payment' | 'subscription' = 'payment',
): Promise<SlowPurchase> {
  counter += 1;
  const userId = `u_${counter}`;
  const submittedAt = shop.service.clock.now();
  const { id: session } = await payAt(shop, userId, { prices, card, mode });
  await shop.settle();
  const arrivedAt = submittedAt + 3 * day;
  shop.sandbox.faults.webhooks = { drop: true };
  await shop.advanceTo(arrivedAt);
  await shop.settle();
  shop.sandbox.faults.webhooks = {};
  return { userId, session, submittedAt, arrivedAt };
}

/** Sends the events of arrivals that were lost. */
async function tell(): Promise<void> {
  for (const { eventId, eventType } of shop.sandbox.deliveries()) {
    if (eventType === toldOfArrival) shop.sandbox.resend(eventId);
  }
  await shop.settle();
}

/** As any other reason to fetch it would, the arrival being untold. */
async function fetchAgain({ session }: SlowPurchase): Promise<void> {
  await syncObject(shop.service.deps, { objectType: 'checkout.session', objectId: session });
}

async function countedFrom({ session: sessionId }: SlowPurchase): Promise<number[]> {
  const { purchase } = shop.service.deps.database.prisma;
  const rows = await purchase.findMany({ where: { sessionId } });
  return rows.map(({ purchasedAt }) => purchasedAt.getTime());
}

/** A restricted key that may not read the balance: Stripe refuses the whole request. */
function forbidBalance(): void {
  const { checkout, paymentIntents } = shop.service.deps.stripe;
  const refuse = (expand: readonly string[] | undefined): void => {
    if (expand?.some((path) => path.endsWith('balance_transaction')) !== true) return;
    throw new Stripe.errors.StripePermissionError({ type: 'invalid_request_error' });
  };
  const retrieve = paymentIntents.retrieve.bind(paymentIntents);
  vi.spyOn(paymentIntents, 'retrieve').mockImplementation(async (id, params) => {
    refuse(params?.expand);
    return retrieve(id, params);
  });
  const list = checkout.sessions.list.bind(checkout.sessions);
  vi.spyOn(checkout.sessions, 'list').mockImplementation((params) => {
    refuse(params?.expand);
    return list(params);
  });
}

describe('the days of a slow purchase', () => {
  for (const card of ['async_success', 'async_booked_late'] as const) {
    it(`run from the arrival, and not from the submission (${card})`, async () => {
      const { userId, arrivedAt } = await paySlowly([shop.prices.pass], card);
      await tell();
      await expectChangeAt(shop, userId, arrivedAt + 30 * day, { before: pass });
    });

    it(`are not used up before it is paid (${card})`, async () => {
      const short = await sell(shop, { features: { export: true }, accessDays: 2, price: {} });
      const { userId, arrivedAt } = await paySlowly([short.price], card);
      await tell();
      await expectChangeAt(shop, userId, arrivedAt + 2 * day, { before: pass });
    });

    it(`run from the arrival in a subscription’s checkout too (${card})`, async () => {
      const prices = [shop.prices.team, shop.prices.pass];
      const bought = await paySlowly(prices, card, 'subscription');
      await tell();
      expect(await countedFrom(bought)).toEqual([bought.arrivedAt]);
    });
  }

  it('run from the booking, and a subscription’s from its invoice, without an event', async () => {
    const alone = await paySlowly([shop.prices.pass], 'async_booked_late');
    const prices = [shop.prices.team, shop.prices.pass];
    const along = await paySlowly(prices, 'async_success', 'subscription');
    for (const bought of [alone, along]) {
      await fetchAgain(bought);
      expect(await countedFrom(bought)).toEqual([bought.arrivedAt]);
    }
  });

  it('run from the charge if the key may not read balances and there is no other evidence', async () => {
    forbidBalance();
    const bought = await paySlowly([shop.prices.pass], 'async_booked_late');
    await fetchAgain(bought);
    expect(await countedFrom(bought)).toEqual([bought.submittedAt]);
    await expectAccess(shop, bought.userId, pass);
    const { projectId } = shop;
    expect((await reconcile(shop.service, { projectId })).status).toBe('done');
  });
});

describe('a reconciliation', () => {
  it('moves revenue from the submission to the arrival, and takes nothing from any user', async () => {
    const bought = await paySlowly([shop.prices.pass], 'async_success');
    await tell();
    const { purchase } = shop.service.deps.database.prisma;
    await purchase.updateMany({
      where: { sessionId: bought.session },
      data: { purchasedAt: new Date(bought.submittedAt) },
    });
    const user = { projectId: shop.projectId, userId: bought.userId };
    expect(await reconcile(shop.service, user)).toMatchObject({
      status: 'done',
      findings: ['window_mismatch checkout.session fixed'],
    });
    expect((await reconcile(shop.service, user)).findings).toEqual([]);
    await expectChangeAt(shop, bought.userId, bought.arrivedAt + 30 * day, { before: pass });
  });

  it('brings the event that was lost, and with it the instant', async () => {
    const bought = await paySlowly([shop.prices.pass, shop.prices.forever], 'async_success');
    expect((await reconcile(shop.service)).status).toBe('done');
    await shop.settle();
    const { arrivedAt } = bought;
    expect(await countedFrom(bought)).toEqual([arrivedAt, arrivedAt]);
    const user = { projectId: shop.projectId, userId: bought.userId };
    expect((await reconcile(shop.service, user)).findings).toEqual([]);
  });
});

describe('a debit that was on its way when an operator revoked', () => {
  it('counts when its money arrives: it is paid for after the word', async () => {
    const userId = 'u_revoked_meanwhile';
    await payAt(shop, userId, {
      prices: [shop.prices.pass],
      card: 'async_success',
      mode: 'payment',
    });
    await shop.settle();
    await shop.advanceTo(shop.service.clock.now() + day);
    const revoked = await shop.service.request('POST', '/admin/revoke', {
      key: shop.key,
      body: { user_id: userId, feature_code: 'export', reason: 'ticket 4715' },
    });
    expect(revoked.status).toBe(200);
    await shop.advanceTo(shop.service.clock.now() + 2 * day);
    await shop.settle();
    expect(await shop.entitled(userId)).toEqual({ export: true });
  });
});
