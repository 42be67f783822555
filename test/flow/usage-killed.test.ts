import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endBackendsWaitingFor } from '../helpers/backends.ts';
import { at, text } from '../helpers/json.ts';
import { meteredApp, type MeteredApp } from '../helpers/metered.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let app: MeteredApp;

beforeAll(async () => {
  service = await startTestService();
  const { key } = await service.createProject('notes');
  app = await meteredApp(service, key);
});
afterAll(() => service.close());

/** Performs a request whose connection is ended while it waits to write a table. */
async function cutWhileWriting(
  table: string,
  request: () => Promise<{ status: number }>,
): Promise<number> {
  const client = await service.deps.database.pool.connect();
  try {
    await client.query('begin');
    await client.query(`lock table ${table} in share mode`);
    let isOver = false;
    const asked = request().finally(() => (isOver = true));
    await endBackendsWaitingFor(client, table, () => isOver);
    return (await asked).status;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

describe('a connection that ends while a consume writes', () => {
  it.each(['usage_keys', 'usage_entries', 'usage_buckets'])(
    '%s: the same key counts once, and is answered the same from then on',
    async (table) => {
      const user = `u_${table}`;
      await app.grant(user, { amount: 10 });
      const consume = () =>
        app.post('/usage/consume', { user_id: user, feature_code: 'credits', amount: 3 }, table);
      expect(await cutWhileWriting(table, consume)).toBe(503);
      expect(await app.usage(user)).toMatchObject({ used: 0 });
      const first = await consume();
      expect(first.body).toMatchObject({ allowed: true, consumed: 3, balance: 7 });
      expect((await consume()).body).toEqual(first.body);
      expect(await app.usage(user)).toMatchObject({ used: 3, balance: 7 });
      const entries = await app.send('GET', `/usage/entries?user_id=${user}`);
      expect(at(entries.body, 'data')).toMatchObject([{ kind: 'consume', amount: 3 }]);
    },
  );
});

it('writes answer, entry and bucket of a consume in one transaction', async () => {
  await app.grant('u_one', { amount: 10 });
  const body = { user_id: 'u_one', feature_code: 'credits', amount: 3 };
  await app.post('/usage/consume', body, 'key_of_one');
  const { rows } = await service.deps.database.pool.query<{ transaction: string }>(
    `select distinct transaction from (
       select k.xmin::text as transaction from usage_keys k where k.key = 'key_of_one'
       union all select e.xmin::text from usage_entries e where e.key = 'key_of_one'
       union all select b.xmin::text from usage_buckets b join users u using (uid)
         where u.user_id = 'u_one'
     ) written`,
  );
  expect(rows).toHaveLength(1);
});

it('writes answer, entry, reversal, bucket and audit row of a reversal in one transaction', async () => {
  await app.grant('u_back', { amount: 10 });
  const entry = text((await app.consume('u_back', 3)).body, 'entry_id');
  await app.post(`/usage/entries/${entry}/reverse`, { reason: 'a test' }, 'key_of_back');
  const { rows } = await service.deps.database.pool.query(
    `select transaction, array_agg(what order by what) as written from (
       select 'answer' as what, xmin::text as transaction from usage_keys where key = 'key_of_back'
       union all select 'audit', xmin::text from audit_entries where action = 'usage.reverse'
       union all select 'bucket', b.xmin::text from usage_buckets b join users using (uid)
         where user_id = 'u_back'
       union all select 'entry', xmin::text from usage_entries where key = 'key_of_back'
       union all select 'reversed', xmin::text from usage_entries where id = $1
     ) each group by transaction`,
    [entry],
  );
  expect(rows).toMatchObject([{ written: ['answer', 'audit', 'bucket', 'entry', 'reversed'] }]);
});
