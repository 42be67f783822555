import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
/** With a key of every scope, as an operator has it. */
let app: MeteredApp;
/** With a key of the scope `usage`. */
let appKey: string;

beforeAll(async () => {
  service = await startTestService();
  const { key } = await service.createProject('notes');
  app = await meteredApp(service, key);
  const made = await service.request('POST', '/admin/projects/notes/keys', {
    key: adminKey,
    body: { name: 'app', scopes: ['usage'] },
  });
  appKey = text(made.body, 'key');
});
afterAll(() => service.close());

const reverse = (entry: string, reason: string, idempotencyKey: string, key = appKey) =>
  service.request('POST', `/usage/entries/${entry}/reverse`, {
    key,
    body: { reason, ...(key === adminKey ? { project_id: 'notes' } : {}) },
    headers: { 'idempotency-key': idempotencyKey },
  });

async function consumed(userId: string, amount: number, more: object = {}): Promise<string> {
  return text((await app.consume(userId, amount, more)).body, 'entry_id');
}

describe('GET /admin/users/{user_id}', () => {
  it('200: shows the usage of metered features and the last entries', async () => {
    await app.grant('ann', { amount: 100, every: 'month' });
    await consumed('ann', 30);
    await app.post('/usage/holds', {
      ...{ user_id: 'ann', feature_code: 'credits', amount: 5, expires_in_seconds: 60 },
    });
    const { body } = await app.send('GET', '/admin/users/ann');
    const usage = { granted: 100, used: 30, held: 5, balance: 65 };
    expect(rowsOf(body, 'usage')).toEqual([await app.usage('ann')]);
    expect(rowsOf(body, 'usage')).toMatchObject([{ feature_code: 'credits', ...usage }]);
    expect(text(body, 'usage', 0, 'resets_at')).toBe('2026-12-01T00:00:00.000Z');
    expect(rowsOf(body, 'usage_entries')).toMatchObject([
      { kind: 'hold', amount: 5, balance_after: 65 },
      { kind: 'consume', amount: 30, balance_after: 70 },
    ]);
  });

  it('200: shows at most 20 entries, the latest first', async () => {
    await app.grant('busy', { amount: 100 });
    for (let amount = 1; amount <= 21; amount += 1) {
      service.clock.advance(1);
      await consumed('busy', 1, { metadata: { amount } });
    }
    const entries = rowsOf((await app.send('GET', '/admin/users/busy')).body, 'usage_entries');
    expect(entries.map((entry) => at(entry, 'metadata', 'amount'))).toEqual(
      Array.from({ length: 20 }, (_, number) => 21 - number),
    );
  });

  it('200: has no usage for a user without metered features', async () => {
    await app.send('PUT', '/admin/features/export', { name: 'Export', type: 'boolean' });
    await app.grant('plain', true, { feature_code: 'export' });
    expect((await app.send('GET', '/admin/users/plain')).body).toMatchObject({
      usage: [],
      usage_entries: [],
    });
  });
});

describe('DELETE /admin/users/{user_id}', () => {
  /** The tables with a row that contains a text. */
  async function tablesWith(needle: string): Promise<string[]> {
    const { pool } = service.deps.database;
    const { rows: tables } = await pool.query<{ name: string }>(
      `select relname as name from pg_class
       where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by relname`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const { rowCount } = await pool.query(
        `select from "${name}" t where position($1 in t::text) > 0 limit 1`,
        [needle],
      );
      if (rowCount === 1) found.push(name);
    }
    return found;
  }

  it('200: no table keeps what an app noted, and usage stays', async () => {
    await app.grant('gone', { amount: 100 });
    const entry = await consumed('gone', 30, { metadata: { prompt: 'marker of gone' } });
    await reverse(entry, 'marker of gone', 'gone_1');
    const held = await app.post('/usage/holds', {
      ...{ user_id: 'gone', feature_code: 'credits', amount: 7, expires_in_seconds: 60 },
    });
    await app.post(`/usage/holds/${text(held.body, 'hold_id')}/settle`, { amount: 6 });
    await consumed('gone', 1, { metadata: { prompt: 'marker of gone' } });
    expect(await tablesWith('marker of gone')).toContain('usage_entries');
    const before = await app.usage('gone');

    const erased = await app.send('DELETE', '/admin/users/gone?reason=asked');
    expect(erased).toMatchObject({ status: 200, body: { usage_entries: 3 } });
    expect(await tablesWith('marker of gone')).toEqual([]);
    expect(await app.usage('gone')).toEqual(before);
    const entries = rowsOf((await app.send('GET', '/usage/entries?user_id=gone')).body);
    expect(
      entries.map((each) => [at(each, 'kind'), at(each, 'amount'), at(each, 'metadata')]),
    ).toEqual([
      ['consume', 1, null],
      ['settle', 6, { hold_id: at(held.body, 'hold_id') }],
      ['hold', 7, { hold_id: at(held.body, 'hold_id') }],
      ['reverse', -30, { entry_id: entry }],
      ['consume', 30, null],
    ]);
    // The key of a request before the erasure still gets its first answer.
    expect((await reverse(entry, 'marker of gone', 'gone_1')).body).toMatchObject({ returned: 30 });
    expect((await app.send('DELETE', '/admin/users/gone?reason=asked')).body).toMatchObject({
      ...{ usage_entries: 0, audit_id: null },
    });
  });

  it('200: erases any number of entries, those of other users excepted', async () => {
    await app.grant('many', { amount: 1 });
    await app.grant('other', { amount: 1 });
    await consumed('other', 1, { metadata: { prompt: 'marker of other' } });
    await service.deps.database.pool.query(
      `insert into usage_entries (id, at, project_id, uid, feature_code, kind, amount, bookings, metadata)
       select 'ue_' || n, timestamptz '2026-10-01' + n * interval '1 minute', 'notes', uid, 'credits',
         'consume', 1, '[]', '{"prompt": "marker of many"}'
       from generate_series(1, 12000) n, users where user_id = 'many'`,
    );
    const erased = await app.send('DELETE', '/admin/users/many?reason=asked');
    expect(erased).toMatchObject({ status: 200, body: { usage_entries: 12_000 } });
    expect(await tablesWith('marker of many')).toEqual([]);
    expect(await tablesWith('marker of other')).not.toEqual([]);
  });
});

describe('the audit log', () => {
  it('records the reversal of an operator once, with its reason', async () => {
    await app.grant('bob', { amount: 10 });
    const [entry, second] = [await consumed('bob', 4), await consumed('bob', 1)];
    const audits = await auditOf(service, async () => {
      await app.post(`/usage/entries/${entry}/reverse`, { reason: 'goodwill' }, 'bob_1');
      await app.post(`/usage/entries/${entry}/reverse`, { reason: 'goodwill' }, 'bob_1');
      await app.post(`/usage/entries/${entry}/reverse`, { reason: 'again' }, 'bob_2');
      await reverse(second, 'by the platform', 'bob_3', adminKey);
    });
    const common = { action: 'usage.reverse', userId: 'bob', before: null };
    expect(audits).toMatchObject([
      {
        ...{ ...common, actor: expect.stringMatching(/^key_/) as string, targetId: entry },
        ...{ reason: 'goodwill', after: { reversed_entry_id: entry, returned: 4, balance: 9 } },
      },
      { ...common, actor: 'platform', targetId: second, reason: 'by the platform' },
    ]);
  });

  it('does not record the reversal of an app, which the ledger has', async () => {
    await app.grant('cid', { amount: 10 });
    const entry = await consumed('cid', 4);
    const audits = await auditOf(service, async () => {
      expect((await reverse(entry, 'the job failed', 'cid_1')).status).toBe(200);
    });
    expect(audits).toEqual([]);
  });

  it('a reversal whose audit row cannot be written does nothing', async () => {
    await app.grant('dee', { amount: 10 });
    const entry = await consumed('dee', 4);
    const { pool } = service.deps.database;
    await pool.query(`
      create function refuse_audit() returns trigger language plpgsql as $$
      begin raise exception 'no row today'; end $$;
      create trigger refuse_audit before insert on audit_entries
      for each statement execute function refuse_audit()`);
    const refused = await app.post(
      `/usage/entries/${entry}/reverse`,
      { reason: 'a test' },
      'dee_1',
    );
    await pool.query('drop trigger refuse_audit on audit_entries');
    expect(refused.status).toBe(500);
    expect(await app.usage('dee')).toMatchObject({ used: 4 });
    const again = await app.post(`/usage/entries/${entry}/reverse`, { reason: 'a test' }, 'dee_1');
    expect(again.body).toMatchObject({ returned: 4 });
  });
});
