import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
let app: MeteredApp;

beforeAll(async () => {
  shop = await startShop();
  app = await meteredApp(shop.service, shop.key);
  const put = await app.send('PUT', `/admin/prices/${shop.prices.pro}`, {
    features: { credits: { amount: 100, every: 'period' } },
  });
  expect(put.status).toBe(200);
});
afterAll(() => shop.close());

/** All rows of all tables of usage. */
async function usageRows(): Promise<Record<string, unknown[]>> {
  const { pool } = shop.service.deps.database;
  const { rows: tables } = await pool.query<{ name: string }>(
    `select relname as name from pg_class
     where relkind in ('r', 'p') and not relispartition and relname like 'usage\\_%'
       and relnamespace = 'public'::regnamespace order by relname`,
  );
  const all: Record<string, unknown[]> = {};
  for (const { name } of tables) {
    all[name] = (await pool.query(`select * from "${name}" t order by t::text`)).rows;
  }
  return all;
}

async function untold(work: () => Promise<unknown>): Promise<void> {
  shop.sandbox.faults.events = { suppress: ['*'] };
  await work();
  shop.sandbox.faults.events = {};
}

it('reconciliation leaves usage alone, whatever it repairs', async () => {
  for (const user of ['kept', 'lost', 'ended']) {
    await shop.buy(user, 'pro');
    await shop.settle();
  }
  // News of the last hour is still on its way, so reconciliation does not compare it.
  await shop.advanceTo(testStart + 3 * 3_600_000);
  await app.consume('kept', 30);
  const held = await app.post('/usage/holds', {
    ...{ user_id: 'kept', feature_code: 'credits', amount: 5, expires_in_seconds: 3_600 },
  });
  const wrong = await app.consume('lost', 20);
  await app.post(`/usage/entries/${text(wrong.body, 'entry_id')}/reverse`, { reason: 'a test' });
  await app.consume('lost', 10);
  await app.consume('ended', 40);
  const before = await usageRows();
  const usage = await app.usage('lost');
  expect(usage).toMatchObject({ granted: 100, used: 10, balance: 90 });

  // The mirror loses one subscription, and misses the end of another.
  await shop.service.deps.database.pool.query(
    `update subscriptions set status = 'canceled', effective_status = 'canceled', ended_at = start_date
     where id = $1`,
    [(await shop.subscriptionOf('lost')).id],
  );
  const endedId = (await shop.subscriptionOf('ended')).id;
  await untold(() => shop.sandbox.billing.cancelNow(endedId));
  const run = await reconcile(shop.service);
  expect(run.status).toBe('done');
  expect(run.findings).toEqual([
    'unpaid_but_active subscription fixed',
    'window_mismatch subscription fixed',
  ]);
  expect((await reconcile(shop.service)).findings).toEqual([]);

  expect(await usageRows()).toEqual(before);
  expect(await app.usage('lost')).toEqual(usage);
  expect(await app.usage('kept')).toMatchObject({ used: 30, held: 5, balance: 65 });
  // A subscription that ended takes its usage along.
  expect((await app.consume('ended', 1)).body).toMatchObject({
    allowed: false,
    reason: 'expired',
  });
  await shop.buy('ended', 'pro');
  await shop.settle();
  expect(await app.usage('ended')).toMatchObject({ granted: 100, used: 0 });
  const settled = await app.post(`/usage/holds/${text(held.body, 'hold_id')}/settle`, {
    amount: 5,
  });
  expect(settled.body).toMatchObject({ consumed: 5, balance: 65 });
});
