import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { sumUsageDays } from '../../src/reporting/usage-days.ts';
import { keepUsage } from '../../src/usage/retention.ts';
import { text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { requestTo, startTestService, type TestService } from '../helpers/service.ts';

/* The ledger's months: created ahead, summed by day, and dropped after the retention. */

const day = 86_400_000;
/** A month that no migration has a partition for. */
const start = Date.parse('2041-01-10T12:00:00.000Z');

let service: TestService;
let app: MeteredApp;
let key: string;

beforeEach(async () => {
  service = await startTestService({ now: start });
  ({ key } = await service.createProject('notes'));
  app = await meteredApp(service, key);
});
afterEach(() => service.close());

const keep = (months: number, isStopped = () => false): Promise<void> =>
  keepUsage({ ...service.deps, usageRetentionMonths: months }, isStopped);

async function query(sql: string, ...values: unknown[]): Promise<unknown[]> {
  return (await service.deps.database.pool.query<Record<string, unknown>>(sql, values)).rows;
}

const countOf = async (table: string): Promise<unknown> =>
  (await query(`select count(*)::int as rows from ${table}`))[0];

/** The partitions that have entries, with their numbers. */
const partitions = (): Promise<unknown[]> =>
  query(`select tableoid::regclass::text as name, count(*)::int as entries
         from usage_entries group by 1 order by 1`);

async function summary(parameters: string): Promise<unknown> {
  const answer = await app.send('GET', `/usage/summary?${parameters}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** Moves the clock, and sums days as the hourly job would. */
async function advanceTo(instant: number): Promise<void> {
  service.clock.set(instant);
  await sumUsageDays(service.deps);
}

async function consume(user: string, amount: number): Promise<string> {
  const { body } = await app.consume(user, amount);
  return text(body, 'entry_id');
}

describe('partitions', () => {
  it('are created for the months ahead, so that no entry is stored in the default one', async () => {
    await keep(25);
    await app.grant('u_1', { amount: 100 });
    for (const date of ['2041-01-31T23:59:59.999Z', '2041-02-01', '2041-04-30']) {
      service.clock.set(Date.parse(date));
      await consume('u_1', 1);
    }
    expect(await partitions()).toEqual([
      { name: 'usage_entries_2041_01', entries: 1 },
      { name: 'usage_entries_2041_02', entries: 1 },
      { name: 'usage_entries_2041_04', entries: 1 },
    ]);
  });

  it('are created once, however many instances do it at once', async () => {
    await Promise.all([keep(25), keep(25), keep(25)]);
    const created = await query(
      `select relname as name from pg_class where relname ~ '^usage_entries_2041_\\d\\d$' order by 1`,
    );
    expect(created).toEqual(
      ['01', '02', '03', '04'].map((month) => ({ name: `usage_entries_2041_${month}` })),
    );
  });

  it('may be missing: entries are stored, stay where they are, and are deleted by rows', async () => {
    await app.grant('u_1', { amount: 100 });
    await consume('u_1', 1);
    await keep(25);
    await consume('u_1', 2);
    expect(await partitions()).toEqual([{ name: 'usage_entries_default', entries: 2 }]);
    expect(await app.usage('u_1')).toMatchObject({ used: 3, balance: 97 });
    await advanceTo(Date.parse('2041-03-01T00:10:00Z'));
    await keep(1);
    expect(await partitions()).toEqual([]);
    expect(
      await summary('from=2041-01-01T00:00:00Z&to=2041-03-01T00:00:00Z&interval=month'),
    ).toMatchObject({
      data: [{ used: 3, users: 1 }],
    });
  });
});

describe('a month after its retention', () => {
  it('is summed by day and forgotten; sums and balances stay', async () => {
    await keep(2);
    await app.grant('u_1', { amount: 1_000 });
    await app.grant('u_2', { amount: 1_000, every: 'year' });
    const entry = await consume('u_1', 5);
    const held = await app.post('/usage/holds', {
      ...{ user_id: 'u_2', feature_code: 'credits', amount: 9, expires_in_seconds: 60 },
    });
    const body = { user_id: 'u_2', feature_code: 'credits', amount: 7 };
    await app.post('/usage/consume', body, 'old');
    await app.post(`/usage/holds/${text(held.body, 'hold_id')}/settle`, { amount: 8 });
    await app.post(`/usage/entries/${await consume('u_1', 3)}/reverse`, { reason: 'a test' });
    await advanceTo(Date.parse('2041-01-20T08:00:00Z'));
    await consume('u_1', 11);
    await advanceTo(Date.parse('2041-02-01T00:00:00Z'));
    await app.post('/usage/consume', { ...body, amount: 13 }, 'new');
    await advanceTo(Date.parse('2041-03-31T23:59:59Z'));
    const read = async () => ({
      days: await summary('from=2041-01-01T00:00:00Z&to=2041-04-01T00:00:00Z'),
      months: await summary('from=2041-01-01T00:00:00Z&to=2041-04-01T00:00:00Z&interval=month'),
      ofUser: await summary('from=2041-01-01T00:00:00Z&to=2041-04-01T00:00:00Z&user_id=u_1'),
      balances: [await app.usage('u_1'), await app.usage('u_2')],
    });
    const before = await read();
    expect(before).toMatchObject({
      months: {
        data: [
          { from: '2041-01-01T00:00:00.000Z', used: 34, reversed: 3, users: 2 },
          { from: '2041-02-01T00:00:00.000Z', used: 13, reversed: 0, users: 1 },
        ],
      },
      days: { data: [{ used: 23 }, { used: 11 }, { used: 13 }] },
      balances: [{ used: 16 }, { used: 28 }],
    });
    await keep(2);
    expect(await countOf('usage_entries')).toEqual({ rows: 8 });

    // One more instant, and January ended two whole months ago.
    await advanceTo(Date.parse('2041-04-01T00:00:00Z'));
    await keep(2);
    expect(await partitions()).toEqual([{ name: 'usage_entries_2041_02', entries: 1 }]);
    expect(await read()).toEqual(before);
    expect(await countOf('usage_holds')).toEqual({ rows: 0 });
    expect(await query('select key from usage_keys')).toEqual([{ key: 'new' }]);
    const replayed = await app.post('/usage/consume', { ...body, amount: 13 }, 'new');
    expect(replayed.headers['idempotency-replayed']).toBe('true');
    const gone = await app.post(`/usage/entries/${entry}/reverse`, { reason: 'too late' });
    expect(gone).toMatchObject({ status: 404, body: { code: 'entry_not_found' } });
    // Of a day whose entries are gone, only the whole is known.
    expect(await summary('from=2041-01-10T12:00:00Z&to=2041-01-21T00:00:00Z')).toMatchObject({
      data: [{ from: '2041-01-20T00:00:00.000Z', used: 11 }],
    });
  });

  it('is kept until it is summed, and a stopped run is taken up by the next', async () => {
    await keep(1);
    await app.grant('u_1', { amount: 100 });
    await consume('u_1', 5);
    await advanceTo(Date.parse('2041-01-15T00:00:00Z'));
    service.clock.set(Date.parse('2041-06-10T00:00:00Z'));
    await keep(1);
    expect(await countOf('usage_entries')).toEqual({ rows: 1 });
    await sumUsageDays(service.deps);
    await keep(1, () => true);
    expect(await countOf('usage_keys')).toEqual({ rows: 1 });
    await keep(1);
    expect([await countOf('usage_entries'), await countOf('usage_keys')]).toEqual([
      { rows: 0 },
      { rows: 0 },
    ]);
    await keep(1);
    expect(await summary('from=2041-01-01T00:00:00Z&to=2041-02-01T00:00:00Z')).toMatchObject({
      data: [{ used: 5 }],
    });
  });

  it('leaves a reversal its answer, though the entry is forgotten', async () => {
    await keep(1);
    await app.grant('u_1', { amount: 100 });
    const entry = await consume('u_1', 5);
    await advanceTo(Date.parse('2041-02-28T00:00:00Z'));
    const reverse = () =>
      app.post(`/usage/entries/${entry}/reverse`, { reason: 'late' }, 'reversal');
    const first = await reverse();
    expect(first).toMatchObject({ status: 200, body: { returned: 5, balance: 100 } });
    await advanceTo(Date.parse('2041-03-02T00:00:00Z'));
    await keep(1);
    expect(await reverse()).toMatchObject({ status: 200, body: first.body });
    expect(await app.usage('u_1')).toMatchObject({ used: 0 });
  });
});

describe('an idempotency key', () => {
  it('counts once, though instances store it on both sides of a month’s end', async () => {
    await keep(25);
    await app.grant('u_1', { amount: 100 });
    const end = Date.parse('2041-02-01T00:00:00Z');
    const instances = await Promise.all(
      [end - 1, end].map((now) => buildApp({ ...service.deps, clock: () => now })),
    );
    const body = { user_id: 'u_1', feature_code: 'credits', amount: 1 };
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, number) => {
        const instance = instances[number % 2];
        if (instance === undefined) throw new Error('no instance');
        const headers = { 'idempotency-key': `key_${number >> 3}` };
        return requestTo(instance)('POST', '/usage/consume', { key, body, headers });
      }),
    );
    await Promise.all(instances.map((each) => each.close()));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map((answer) => text(answer.body, 'entry_id'))).size).toBe(5);
    expect(await countOf('usage_entries')).toEqual({ rows: 5 });
    expect(await app.usage('u_1')).toMatchObject({ used: 5 });
  });

  it('is kept as long as its entry, which a late timeline dates into the next month', async () => {
    await keep(25);
    await app.grant('u_1', { amount: 100 });
    const end = Date.parse('2041-02-01T00:00:00Z');
    await query(`update users set recorded_at = $1 where user_id = 'u_1'`, new Date(end));
    await advanceTo(end - 1);
    const body = { user_id: 'u_1', feature_code: 'credits', amount: 1 };
    const first = await app.post('/usage/consume', body, 'late');
    await advanceTo(Date.parse('2041-03-02T00:00:00Z'));
    await keep(1);
    expect(await countOf('usage_entries')).toEqual({ rows: 1 });
    expect((await app.post('/usage/consume', body, 'late')).body).toEqual(first.body);
    expect(await app.usage('u_1')).toMatchObject({ used: 1 });
  });
});

describe('buckets', () => {
  it('that can no longer matter are deleted, and no balance changes', async () => {
    await keep(1);
    const rollover = { max: 500, periods: 2 };
    await app.grant('u_plain', { amount: 10, every: 'day' });
    await app.grant('u_roll', { amount: 100, every: 'month', rollover });
    await app.grant('u_idle', { amount: 10, every: 'day' });
    await consume('u_idle', 1);
    for (let month = 0; month < 14; month += 1) {
      await advanceTo(start + month * 31 * day);
      await consume('u_plain', 3);
      await consume('u_roll', month === 3 ? 110 : 95);
    }
    const read = () => Promise.all(['u_plain', 'u_roll', 'u_idle'].map((user) => app.usage(user)));
    const before = await read();
    const rows = (user: string) =>
      query(`select from usage_buckets join users using (uid) where user_id = $1`, user);
    expect([(await rows('u_plain')).length, (await rows('u_roll')).length]).toEqual([14, 14]);
    await keep(1);
    expect([(await rows('u_plain')).length, (await rows('u_roll')).length]).toEqual([3, 14]);
    expect(await rows('u_idle')).toHaveLength(1);
    expect(await read()).toEqual(before);
  });
});
