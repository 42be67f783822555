import { isDeepStrictEqual } from 'node:util';
import type { Prisma } from '../generated/prisma/client.ts';
import type { Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';

export interface AuditRecord {
  projectId: string | null;
  /** The user whom it is about, in the project's own id. */
  userId?: string;
  /** An API key's id, or `platform`, or `system`. */
  actor: string;
  /** A noun and a verb, such as `grant.create`. */
  action: string;
  targetType: string;
  targetId: string;
  reason?: string;
  /** Neither secrets nor personal data. */
  before?: Prisma.InputJsonValue;
  after?: Prisma.InputJsonValue;
  requestId: string;
  /** Epoch milliseconds. */
  at: number;
}

/**
 * Writes one line of the append-only audit, in the transaction of what it tells of, and returns its
 * id. `id` may be drawn beforehand (`newId('au')`) where the target refers to it.
 */
export async function recordAudit(
  tx: Tx,
  record: AuditRecord,
  id: string = newId('au'),
): Promise<string> {
  await recordAudits(tx, [{ ...record, id }]);
  return id;
}

/** The same for a change that may come to nothing: where `after` is what `before` was, nothing is written. */
export async function recordChange(tx: Tx, record: AuditRecord): Promise<void> {
  if (!isDeepStrictEqual(record.before, record.after)) await recordAudit(tx, record);
}

/**
 * The same for many lines at once, in this order. Prisma would compile each line into its statement,
 * which takes the event loop a third of a second for a thousand.
 */
export async function recordAudits(
  tx: Tx,
  records: readonly (AuditRecord & { id: string })[],
): Promise<void> {
  const rows = records.map(({ at, ...rest }, place) => ({
    ...{ ...rest, place },
    at: new Date(at).toISOString(),
  }));
  await tx.$executeRaw`
    insert into audit_entries (id, project_id, user_id, actor, action, target_type, target_id,
      reason, before, after, request_id, at)
    select id, "projectId", "userId", actor, action, "targetType", "targetId",
      reason, before, after, "requestId", at
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      place int, id text, "projectId" text, "userId" text, actor text, action text,
      "targetType" text, "targetId" text, reason text, before jsonb, after jsonb,
      "requestId" text, at timestamptz)
    order by place`;
}
