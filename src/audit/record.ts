import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { Prisma } from '../generated/prisma/client.ts';
import { sqlText, type Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';

export interface AuditRecord {
  projectId: string | null;
  /** The user affected by the change, by the project's own id. */
  userId?: string;
  /** An API key's id, `platform` or `system`. */
  actor: string;
  /** A noun and a verb, such as `grant.create`. */
  action: string;
  targetType: string;
  targetId: string;
  reason?: string;
  /** Must not contain secrets or personal data. */
  before?: Prisma.InputJsonValue;
  after?: Prisma.InputJsonValue;
  /** Null for a change that no request made. */
  requestId: string | null;
  /** Epoch milliseconds. */
  at: number;
}

/**
 * Appends one row to the audit log, in the transaction of the change, and returns the row's id.
 *
 * @param id an id created beforehand (`newId('au')`), if the changed row refers to it.
 */
export async function recordAudit(
  tx: Tx,
  record: AuditRecord,
  id: string = newId('au'),
): Promise<string> {
  await recordAudits(tx, [{ ...record, id }]);
  return id;
}

/** Appends one row to the audit log, unless `after` equals `before`. */
export async function recordChange(tx: Tx, record: AuditRecord): Promise<void> {
  if (!isDeepStrictEqual(record.before, record.after)) await recordAudit(tx, record);
}

/**
 * SQL that appends rows, before and after its only parameter: Prisma blocks the event loop for a third of a
 * second per thousand rows that it compiles into a statement.
 */
const insertSql = {
  head: `
    insert into audit_entries (id, project_id, user_id, actor, action, target_type, target_id,
      reason, before, after, request_id, at)
    select id, "projectId", "userId", actor, action, "targetType", "targetId",
      reason, before, after, "requestId", at
    from jsonb_to_recordset(`,
  tail: `::jsonb) as r (
      place int, id text, "projectId" text, "userId" text, actor text, action text,
      "targetType" text, "targetId" text, reason text, before jsonb, after jsonb,
      "requestId" text, at timestamptz)
    order by place`,
};

type IdentifiedRecord = AuditRecord & { id: string };

/** Appends rows to the audit log, in the given order. */
export async function recordAudits(tx: Tx, records: readonly IdentifiedRecord[]): Promise<void> {
  await tx.$executeRaw`${sqlText(insertSql.head)}${rowsOf(records)}${sqlText(insertSql.tail)}`;
}

/** Appends rows to the audit log like `recordAudits`, in a transaction on a connection of the pool. */
export async function recordAuditsOn(
  client: Pick<pg.PoolClient, 'query'>,
  records: readonly AuditRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const identified = records.map((record) => ({ ...record, id: newId('au') }));
  await client.query(`${insertSql.head}$1${insertSql.tail}`, [rowsOf(identified)]);
}

function rowsOf(records: readonly IdentifiedRecord[]): string {
  const rows = records.map(({ at, ...rest }, place) => ({
    ...{ ...rest, place },
    at: new Date(at).toISOString(),
  }));
  return JSON.stringify(rows);
}
