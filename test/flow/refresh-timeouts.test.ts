import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sweepBehindCatalog } from '../../src/entitlements/refresh/sweeps.ts';
import { countAlarms } from '../helpers/alarms.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Refreshes that exceed the time limit of a transaction. A trigger in Postgres raises the code of its own
 * statement time-out, so that nothing here depends on the machine's speed.
 */

let shop: Shop;

const minute = 60_000;
const users = Array.from({ length: 250 }, (_, index) => `u_${index}`);
const big = 'u_120';

beforeAll(async () => {
  shop = await startShop();
  await done('PUT', '/admin/features/seats', { name: 'Seats', type: 'limit', merge: 'max' });
  for (const value of [3, 4]) {
    await done('POST', '/admin/grants/bulk', {
      grants: users.map((user) => ({ user_id: user, feature_code: 'seats', value })),
      reason: 'a stock',
    });
  }
  await sql(`
    create function take_too_long() returns trigger language plpgsql as $$
    begin
      if (select count(distinct uid) > 30 from added)
        or exists (select from added join users using (uid) where user_id = any(tg_argv[0]::text[])) then
        raise exception 'canceling statement due to statement timeout' using errcode = '57014';
      end if;
      return null;
    end $$`);
});
afterAll(() => shop.close());
afterEach(() => sql('drop trigger if exists take_too_long on entitlement_segments'));

const sql = (statement: string) => shop.service.deps.database.pool.query(statement);

/** From now on statements about more than 30 users take too long, and those about `tooBig` do alone. */
const slowDown = (tooBig: string) =>
  sql(`create trigger take_too_long after insert on entitlement_segments
    referencing new table as added for each statement execute function take_too_long('{${tooBig}}')`);

async function done(method: 'POST' | 'PUT' | 'GET', path: string, body?: object) {
  const answer = await shop.service.request(method, path, {
    key: shop.key,
    ...(body === undefined ? {} : { body }),
  });
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

async function seats(): Promise<Map<string, unknown>> {
  const counts = new Map<string, unknown>();
  for (let start = 0; start < users.length; start += 100) {
    const user_ids = users.slice(start, start + 100);
    for (const answer of rowsOf(await done('POST', '/entitlements/batch', { user_ids }))) {
      counts.set(text(answer, 'user_id'), at(answer, 'entitlements', 0, 'value'));
    }
  }
  return counts;
}

const alarms = () => countAlarms(shop.service, 'timeline_not_computed');

describe('a change of the catalog whose batches take too long', () => {
  it('is answered as running, and the sweep refreshes all users but the one who is too big, with an alarm', async () => {
    const { deps } = shop.service;
    const before = await alarms();
    await slowDown(big);
    const changed = await done('PUT', '/admin/features/seats', {
      name: 'Seats',
      type: 'limit',
      merge: 'sum',
    });
    expect(changed).toMatchObject({ refresh: { users: users.length, status: 'running' } });
    expect(await sweepBehindCatalog(deps)).toBe(users.length - 1);
    expect(await seats()).toEqual(new Map(users.map((user) => [user, user === big ? 4 : 7])));
    expect(await alarms()).toBe(before + 1);
    const path = `/admin/refreshes/${text(changed, 'refresh', 'id')}`;
    expect(await done('GET', path)).toMatchObject({ status: 'running', behind: 1 });

    await sql('drop trigger take_too_long on entitlement_segments');
    shop.service.clock.advance(5 * minute + 1);
    expect(await sweepBehindCatalog(deps)).toBe(1);
    expect(await done('GET', path)).toMatchObject({ status: 'done', behind: 0 });
  });
});

describe('a sync whose user is too big to be recomputed in time', () => {
  it('is stored, raises an alarm, and gives what was bought as soon as the timeline can be computed', async () => {
    const { service } = shop;
    const before = await alarms();
    await slowDown('u_buyer');
    await shop.buy('u_buyer', 'pro');
    await shop.buy('u_other', 'pro');
    await shop.settle();
    expect(await shop.entitled('u_other')).toEqual({ export: true, notebooks: 10 });
    expect(await shop.entitled('u_buyer')).toEqual({});
    expect(await alarms()).toBeGreaterThan(before);
    const { prisma } = service.deps.database;
    expect(await prisma.subscription.count({ where: { user: { userId: 'u_buyer' } } })).toBe(1);
    const waiting = await service.deps.database.pool.query(
      'select from followed_objects where wanted > fetched',
    );
    expect(waiting.rowCount).toBe(0);

    await sql('drop trigger take_too_long on entitlement_segments');
    service.clock.advance(5 * minute + 1);
    await sweepBehindCatalog(service.deps);
    expect(await shop.entitled('u_buyer')).toEqual({ export: true, notebooks: 10 });
  });
});

describe('a reconciliation that finds a user who is too big to be recomputed in time', () => {
  it('leaves an open finding and an alarm, corrects the others and ends', async () => {
    const { sandbox, service } = shop;
    sandbox.faults.events = { suppress: ['*'] };
    await shop.buy('u_lost_buyer', 'pro');
    await shop.buy('u_lost_other', 'pro');
    sandbox.faults.events = {};
    await shop.settle();
    const before = await alarms();
    await slowDown('u_lost_buyer');
    const run = await reconcile(service);
    expect(run).toMatchObject({ status: 'done', error: null });
    expect(run.findings).toContain('paid_but_blocked subscription fixed');
    expect(run.findings).toContain('orphan_at_stripe subscription open');
    expect(await shop.entitled('u_lost_other')).toEqual({ export: true, notebooks: 10 });
    expect(await alarms()).toBeGreaterThan(before);

    await sql('drop trigger take_too_long on entitlement_segments');
    await reconcile(service);
    expect(await shop.entitled('u_lost_buyer')).toEqual({ export: true, notebooks: 10 });
  });
});

describe('an operator whose change takes too long', () => {
  it('gets a 503 that says so, and nothing has changed', async () => {
    await slowDown('u_hurry');
    const answer = await shop.service.request('POST', '/admin/grant', {
      key: shop.key,
      body: { user_id: 'u_hurry', feature_code: 'seats', value: 1, reason: 'more' },
    });
    expect(answer).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    expect(await shop.entitled('u_hurry')).toEqual({});
  });
});
