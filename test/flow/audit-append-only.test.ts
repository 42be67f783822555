import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../helpers/service.ts';

/* The database protects the audit from every client and every bug of ours. */

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await service.createProject('notes');
});
afterAll(() => service.close());

const changes = [
  ["update audit_entries set reason = 'none'"],
  ['delete from audit_entries'],
  ['truncate audit_entries'],
  ['truncate audit_entries cascade'],
  [
    `insert into audit_entries (id, actor, action, target_type, target_id, at)
     select id, actor, action, target_type, target_id, at from audit_entries
     on conflict (id) do update set actor = 'nobody'`,
  ],
] as const;

describe.each(changes)('%s', (change) => {
  it('is refused to a superuser, in a session that says it is a replica too', async () => {
    for (const role of ['origin', 'replica']) {
      await expect(
        inTransaction(`set local session_replication_role = ${role}`, change),
      ).rejects.toThrow('audit_entries is append-only');
    }
  });

  it('is refused to the owner of the table, who has no right to it', async () => {
    const owner = `latchkey_owner_${randomUUID().replaceAll('-', '')}`;
    await expect(
      inTransaction(
        `create role ${owner}`,
        `alter table audit_entries owner to ${owner}`,
        `grant usage, create on schema public to ${owner}`,
        `set local role ${owner}`,
        'select count(*) from audit_entries',
        'savepoint right_to_read',
        change,
      ),
    ).rejects.toThrow('permission denied for table audit_entries');
  });
});

/** Runs the statements one after the other, and takes them back. */
async function inTransaction(...statements: string[]): Promise<void> {
  const client = await service.deps.database.pool.connect();
  try {
    await client.query('begin');
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.query('rollback');
    client.release();
  }
}
