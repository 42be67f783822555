import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * A webhook can arrive before Stripe's API shows its object, or one that this names: the first answers are
 * 404s. None of them settles news that came before it.
 */

const pro = { export: true, notebooks: 10 };

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

/** The API does not show these objects yet, for this number of requests. */
function notYet(path: RegExp, times: number): void {
  shop.sandbox.faults.api({ path, method: 'GET', status: 404, times });
}

/** Syncs enqueued objects, and those that are retried within the next seconds. */
async function workForSeconds(): Promise<void> {
  for (let seconds = 0; seconds < 10; seconds += 1) {
    await shop.service.runWorker();
    shop.service.clock.advance(1_000);
  }
}

function onReturn(sessionId: string) {
  return shop.service.request('GET', `/checkout/sessions/${sessionId}`, { key: shop.key });
}

async function outcomeOf(objectType: string): Promise<unknown> {
  const row = await shop.service.deps.database.prisma.followedObject.findFirst({
    where: { objectType },
  });
  return row?.outcome ?? null;
}

describe('a subscription that Stripe does not show yet', () => {
  it.each([1, 2, 3])(
    'reaches its buyer where it and its session are told of at once, and %d requests meet a 404',
    async (times) => {
      await shop.buy('ann', 'pro');
      notYet(/^\/v1\/subscriptions\/sub_/, times);
      await shop.sandbox.deliver();
      await workForSeconds();
      expect(await shop.entitled('ann')).toEqual(pro);
    },
  );

  it('reaches its buyer if only the session has an event', async () => {
    shop.sandbox.faults.webhooks = { drop: ['customer.*', 'invoice.*'] };
    await shop.buy('ann', 'pro');
    notYet(/^\/v1\/subscriptions\/sub_/, 1);
    await shop.sandbox.deliver();
    await workForSeconds();
    expect(await shop.entitled('ann')).toEqual(pro);
  });

  it('reaches its buyer who returned from the checkout meanwhile', async () => {
    shop.sandbox.faults.webhooks = { drop: ['customer.*', 'invoice.*'] };
    const session = await shop.buy('ann', 'pro');
    notYet(/^\/v1\/subscriptions\/sub_/, 2);
    expect(await onReturn(session)).toMatchObject({ status: 200, body: { entitlements: [] } });
    await shop.settle();
    await workForSeconds();
    expect(await shop.entitled('ann')).toEqual(pro);
  });

  it('counts as missing after four tries of its own', async () => {
    await shop.buy('ann', 'pro');
    notYet(/^\/v1\/subscriptions\/sub_/, 100);
    await shop.sandbox.deliver();
    await workForSeconds();
    expect(await outcomeOf('checkout.session')).toBe('applied');
    expect(await outcomeOf('subscription')).toBe('missing');
    expect(await shop.entitled('ann')).toEqual({});
  });
});

describe('a session that Stripe does not show yet', () => {
  it('is fetched by the webhook that came before its buyer returned', async () => {
    const session = await shop.buy('ann', 'forever');
    await shop.sandbox.deliver();
    notYet(/^\/v1\/checkout\/sessions\/cs_/, 1);
    expect(await onReturn(session)).toMatchObject({ status: 404 });
    await workForSeconds();
    expect(await shop.entitled('ann')).toEqual({ theme: { dark: false } });
  });
});

describe('an invoice that Stripe does not show yet', () => {
  it('brings what was charged for the one-time lines of a subscription checkout', async () => {
    await shop.buy('ann', 'pro', 'forever');
    notYet(/^\/v1\/invoices\/in_/, 2);
    await shop.sandbox.deliver();
    await workForSeconds();
    expect(await shop.entitled('ann')).toEqual({ ...pro, theme: { dark: false } });
    expect(await outcomeOf('charge')).toBe('applied');
  });
});
