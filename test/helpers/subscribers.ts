import { expect } from 'vitest';
import { reconcile } from './reconciliation.ts';
import type { Shop } from './shop.ts';

/** Creates subscribers that both sides know. Returns their subscriptions' ids, by user. */
export async function subscribers(shop: Shop, count: number): Promise<string[]> {
  const ids = await shop.sandbox.seed({
    count,
    prices: [shop.prices.pro],
    metadata: { project_id: 'notes', user_id: 'u{n}' },
  });
  const run = await reconcile(shop.service);
  expect(run.status).toBe('done');
  expect(await entitledUsers(shop)).toBe(count);
  return ids;
}

/** Cancels at Stripe, without any event. */
export async function cancelUntold(shop: Shop, ids: readonly string[]): Promise<void> {
  shop.sandbox.faults.events = { suppress: ['*'] };
  for (const id of ids) await shop.sandbox.billing.cancelNow(id);
  shop.sandbox.faults.events = {};
}

export async function entitledUsers(shop: Shop): Promise<number> {
  const { rows } = await shop.service.deps.database.pool.query<{ count: string }>(
    'select count(distinct uid) from entitlement_segments where superseded_at is null and allowed and (valid_to is null or valid_to > $1)',
    [new Date(shop.service.clock.now())],
  );
  return Number(rows[0]?.count);
}
