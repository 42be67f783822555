import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeDailyReports } from '../../src/reporting/daily.ts';
import { sumUsageDays } from '../../src/reporting/usage-days.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/* Usage is summed by user, feature and day. Summaries and reports combine sums and entries. */

const day = 86_400_000;
const start = Date.parse('2041-01-10T12:00:00.000Z');
const iso = (instant: number) => new Date(instant).toISOString();

let service: TestService;
let app: MeteredApp;

beforeEach(async () => {
  service = await startTestService({ now: start });
  const { key } = await service.createProject('notes');
  app = await meteredApp(service, key);
});
afterEach(() => service.close());

async function query(sql: string, ...values: unknown[]): Promise<unknown[]> {
  return (await service.deps.database.pool.query<Record<string, unknown>>(sql, values)).rows;
}

async function consume(user: string, amount: number): Promise<string> {
  const { body } = await app.consume(user, amount);
  return text(body, 'entry_id');
}

/** Moves the clock, and sums days as the hourly job would. */
async function advanceTo(instant: number): Promise<number> {
  service.clock.set(instant);
  return sumUsageDays(service.deps);
}

it('sums of any window are those of its entries, however far days are summed', async () => {
  await app.grant('u_1', { amount: 10_000 });
  await app.grant('u_2', { amount: 10_000 });
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let number = 0; number < 40; number += 1) {
    service.clock.advance(random(5) * 3_600_000 + random(2) * 1_000);
    const entry = await consume(`u_${1 + random(2)}`, 1 + random(9));
    if (random(4) === 0) await app.post(`/usage/entries/${entry}/reverse`, { reason: 'x' });
  }
  const end = service.clock.now();
  for (const summedAt of [start, start + day, start + 2.5 * day, end + day]) {
    service.clock.set(summedAt);
    await sumUsageDays(service.deps);
    for (let time = 0; time < 15; time += 1) {
      const from = start - day + random(5 * 24) * 3_600_000;
      const to = from + 1 + random(4 * 24) * 3_600_000;
      const naive = await query(
        `select coalesce(sum(amount) filter (where kind = 'consume'), 0)::int as used,
             coalesce(-sum(amount) filter (where kind = 'reverse'), 0)::int as reversed,
             count(distinct uid) filter (where kind = 'consume')::int as users
           from usage_entries where at >= $1 and at < $2 having count(*) > 0`,
        ...[new Date(from), new Date(to)],
      );
      const report = await app.send(
        'GET',
        `/metrics?from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`,
      );
      const [project] = rowsOf(report.body, 'projects');
      expect(project).toMatchObject({ usage: naive.length === 0 ? {} : { credits: naive[0] } });
    }
  }
  expect(await query('select summed_until from usage_retention')).not.toEqual([
    { summed_until: null },
  ]);
});

it('sums include an entry that was stored after its day was summed', async () => {
  await app.grant('u_1', { amount: 100 });
  await consume('u_1', 1);
  await advanceTo(start + day);
  service.clock.set(start + 1_000);
  await consume('u_1', 2);
  await advanceTo(start + 2 * day);
  const window = `from=${iso(start - day / 2)}&to=${iso(start + day / 2)}`;
  const { body } = await app.send('GET', `/usage/summary?${window}`);
  expect(body).toMatchObject({ data: [{ used: 3 }] });
  expect(await query('select used::int from usage_days')).toEqual([{ used: 3 }]);
});

it('a report of a day has the usage of each feature and its users, by the sums of the day', async () => {
  await app.send('PUT', '/admin/features/calls', { name: 'Calls', type: 'metered' });
  await app.grant('u_1', { amount: 100 });
  await app.grant('u_2', { amount: 100 });
  await app.grant('u_2', { amount: 100 }, { feature_code: 'calls' });
  await consume('u_1', 5);
  await app.post(`/usage/entries/${await consume('u_2', 4)}/reverse`, { reason: 'a test' });
  await app.consume('u_2', 7, { feature_code: 'calls' });
  const other = await service.createProject('other');
  expect(await advanceTo(start + day)).toBe(1);
  // The ledger is not read again.
  await query('delete from usage_entries');
  await writeDailyReports(service.deps);
  const daily = async (key?: string) => {
    const path = `/metrics/daily?from=${iso(start - day)}&to=${iso(start + day)}`;
    const { body } = await (key === undefined
      ? app.send('GET', path)
      : service.request('GET', path, { key }));
    return at(rowsOf(body, 'days')[0], 'usage');
  };
  expect(await daily()).toEqual({
    calls: { used: 7, reversed: 0, users: 1 },
    credits: { used: 9, reversed: 4, users: 2 },
  });
  expect(await daily(other.key)).toEqual({});
});

it('days are summed once they are over, by one of several instances', async () => {
  await app.grant('u_1', { amount: 100 });
  await consume('u_1', 5);
  const midnight = Date.parse('2041-01-11T00:00:00.000Z');
  expect(await advanceTo(midnight)).toBe(0);
  service.clock.set(midnight + 300_000);
  const days = await Promise.all([1, 2, 3].map(() => sumUsageDays(service.deps)));
  expect(days.toSorted()).toEqual([0, 0, 1]);
  expect(await query('select used::int, reversed::int from usage_days')).toEqual([
    { used: 5, reversed: 0 },
  ]);
  expect(await sumUsageDays(service.deps)).toBe(0);
});
