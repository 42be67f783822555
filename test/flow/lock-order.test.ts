import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { lockJoinKeys } from '../../src/platform/locks.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { countWaitingLocks } from '../helpers/waiting-locks.ts';

/* The order in which a sync takes its locks (docs/architecture.md, "Lock order"). */

let shop: Shop;
let session: string;
let customer: string;
let payment: string;

beforeAll(async () => {
  shop = await startShop();
  session = await shop.buy('ann', 'forever');
  await shop.settle();
  const row = await shop.service.deps.database.prisma.checkoutSession.findUniqueOrThrow({
    where: { id: session },
  });
  customer = row.customerId ?? '';
  payment = row.paymentIntentId ?? '';
});
afterAll(() => shop.close());

it('locks its object before its customer, and that before its payment and its user', async () => {
  expect(await lockedWhileBlockedBy(customer)).toEqual(['object', 'customer']);
});

it('locks its customer before its payment, and that before its user', async () => {
  expect(await lockedWhileBlockedBy(payment)).toEqual(['object', 'customer', 'payment']);
});

/** Returns what is locked while a sync of the session waits for a key that another transaction has. */
async function lockedWhileBlockedBy(key: string): Promise<string[]> {
  const { deps } = shop.service;
  const syncs: Promise<unknown>[] = [];
  const locked = await deps.database.transaction(async (tx) => {
    await lockJoinKeys(tx, [key]);
    syncs.push(syncObject(deps, { objectType: 'checkout.session', objectId: session }));
    await vi.waitUntil(async () => (await countWaitingLocks(deps.database)) > 0);
    return loadLocked();
  });
  await Promise.all(syncs);
  return locked;
}

async function loadLocked(): Promise<string[]> {
  const { rows } = await shop.service.deps.database.pool.query<Record<string, boolean>>(
    `select
       not exists (select from (select from followed_objects
         where object_type = 'checkout.session' and object_id = $1 for update skip locked) o) as object,
       not pg_try_advisory_xact_lock(2, hashtext($2)) as customer,
       not pg_try_advisory_xact_lock(2, hashtext($3)) as payment,
       not exists (select from (select from users where user_id = 'ann' for update skip locked) u) as "user"`,
    [session, customer, payment],
  );
  return Object.entries(rows[0] ?? {}).flatMap(([name, isLocked]) => (isLocked ? [name] : []));
}
