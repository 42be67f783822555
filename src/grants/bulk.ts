import { recordAudits } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import type { GivenValue } from '../entitlements/feature-value.ts';
import { type Refreshed, refreshUsers } from '../entitlements/refresh/refresh-users.ts';
import type { UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import { ensureUsers, type LockedUser, lockUsers } from '../entitlements/users.ts';
import type { Grant } from '../generated/prisma/client.ts';
import { faultSentences, type FieldFault } from '../http/faults.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import { sql, type Tx } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { lockProjectShared } from '../platform/locks.ts';
import { loadRemaining, tooManyGrants } from './cap.ts';
import { grantableValue, toGrantDto } from './grants.ts';
import type { BulkBody, BulkGranted, GivenGrant, GrantDto } from './schemas.ts';
import { type GrantWindow, windowOf } from './window.ts';

/** A valid grant, or the problem with an invalid one. */
type Checked = { given: GivenGrant; value: GivenValue; window: GrantWindow } | ProblemError;

/** A stored grant, with the id of its audit row. */
interface StoredGrant {
  grant: GrantDto;
  auditId: string;
}

/**
 * Creates many grants in one transaction, each with its own audit row, in a fixed number of queries. Once it
 * has returned, every read shows all of the grants. If several grants name the same user and feature, the last
 * one in the list wins.
 *
 * @throws ProblemError if `atomic` is set and any grant is invalid. The error has the code of the first invalid
 *   grant and the faults of all invalid grants. Nothing is granted in that case.
 */
export async function createGrants(
  deps: UpdateUserDeps,
  operator: Operator,
  { grants, atomic, reason }: BulkBody,
  keep: KeepAnswer<BulkGranted>,
): Promise<BulkGranted> {
  const { projectId } = operator;
  const { answer, refreshed } = await deps.database.transaction(async (tx) => {
    const now = deps.clock();
    await lockProjectShared(tx, projectId);
    const valid = await checkGrants(tx, projectId, grants, now);
    if (atomic) requireAll(valid);
    const users = await lockNamed(tx, projectId, grants, valid, now);
    const checked = await checkLimits(tx, users, valid, now);
    if (atomic) requireAll(checked);
    const given = await writeGrants(tx, operator, users, checked, reason, now);
    const refreshed = await refreshUsers(tx, projectId, users, now, 'operator');
    const answer = toBulkGranted(grants, checked, given, refreshed);
    await keep(tx, answer);
    return { answer, refreshed };
  });
  await deps.cache.forget(refreshed);
  return answer;
}

function toBulkGranted(
  grants: readonly GivenGrant[],
  checked: readonly Checked[],
  given: ReadonlyMap<number, StoredGrant>,
  refreshed: readonly Refreshed[],
): BulkGranted {
  const revisions = new Map(refreshed.map(({ user, revision }) => [user.userId, revision]));
  const results = grants.map(({ user_id, feature_code }, index) => {
    const found = checked[index];
    const done = given.get(index);
    return {
      user_id,
      feature_code,
      grant: done?.grant ?? null,
      audit_id: done?.auditId ?? null,
      revision: done === undefined ? null : (revisions.get(user_id) ?? null),
      problem: found instanceof ProblemError ? { code: found.code, detail: found.message } : null,
    };
  });
  return { granted: given.size, refused: grants.length - given.size, results };
}

/**
 * Checks features, values and windows. The caller must hold the project's lock, so that features do not
 * change.
 */
async function checkGrants(
  tx: Tx,
  projectId: string,
  grants: readonly GivenGrant[],
  now: number,
): Promise<Checked[]> {
  const codes = [...new Set(grants.map(({ feature_code: code }) => code))];
  const features = await tx.feature.findMany({ where: { projectId, code: { in: codes } } });
  const byCode = new Map(features.map((feature) => [feature.code, feature]));
  return grants.map((given) => {
    try {
      const value = grantableValue(byCode.get(given.feature_code), given.value);
      return { given, value, window: windowOf(given, now) };
    } catch (error) {
      if (error instanceof ProblemError) return error;
      throw error;
    }
  });
}

/** Rejects grants that exceed a user's limit, in list order. The caller must hold the users' locks. */
async function checkLimits(
  tx: Tx,
  users: readonly LockedUser[],
  checked: readonly Checked[],
  now: number,
): Promise<Checked[]> {
  const uids = users.map(({ uid }) => uid);
  const remaining = await loadRemaining(tx, uids, now);
  const uidOf = new Map(users.map(({ userId, uid }) => [userId, uid]));
  return checked.map((item) => {
    if (item instanceof ProblemError) return item;
    const uid = uidOf.get(item.given.user_id) ?? 0n;
    const left = remaining.get(uid) ?? 0;
    if (left <= 0) return tooManyGrants();
    remaining.set(uid, left - 1);
    return item;
  });
}

/** Throws one problem that combines those of all invalid grants. */
function requireAll(checked: readonly Checked[]): void {
  const first = checked.find((item) => item instanceof ProblemError);
  if (first === undefined) return;
  const faults = checked.flatMap((item, index): FieldFault[] => {
    if (!(item instanceof ProblemError)) return [];
    const { errors = [] } = item;
    return errors.map(({ path, message }) => ({ path: `grants[${index}].${path}`, message }));
  });
  throw new ProblemError(first.code, `Nothing was granted. ${faultSentences(faults)}`, faults);
}

/** Creates and locks the users of the valid grants. */
async function lockNamed(
  tx: Tx,
  projectId: string,
  grants: readonly GivenGrant[],
  checked: readonly Checked[],
  now: number,
): Promise<LockedUser[]> {
  const valid = grants.filter((_, index) => !(checked[index] instanceof ProblemError));
  const userIds = [...new Set(valid.map(({ user_id: userId }) => userId))];
  await ensureUsers(
    tx,
    userIds.map((userId) => ({ projectId, userId })),
    now,
  );
  return lockUsers(tx, sql`project_id = ${projectId} and user_id = any(${userIds}::text[])`);
}

/** Stores the valid grants and returns them by their index in the request. */
async function writeGrants(
  tx: Tx,
  operator: Operator,
  users: readonly LockedUser[],
  checked: readonly Checked[],
  reason: string,
  now: number,
): Promise<Map<number, StoredGrant>> {
  const { projectId } = operator;
  const uidOf = new Map(users.map(({ userId, uid }) => [userId, uid]));
  const rows = checked.flatMap((item, index) => {
    if (item instanceof ProblemError) return [];
    const { given, value, window } = item;
    const uid = uidOf.get(given.user_id);
    if (uid === undefined) throw new Error(`lockNamed returned no user ${given.user_id}`);
    const row = {
      id: newId('gr'),
      uid,
      projectId,
      featureCode: given.feature_code,
      value,
      validFrom: new Date(window.validFrom),
      validTo: window.validTo === null ? null : new Date(window.validTo),
      endedAt: null,
      reason,
      auditId: newId('au'),
      createdAt: new Date(now),
    };
    return [{ index, userId: given.user_id, row, grant: toGrantDto(row, given.user_id) }];
  });
  await insertGrants(
    tx,
    rows.map(({ row }) => row),
  );
  await recordAudits(
    tx,
    rows.map(({ userId, row, grant }) => ({
      ...operator,
      id: row.auditId,
      userId,
      action: 'grant.create',
      targetType: 'grant',
      targetId: row.id,
      reason,
      after: grant,
      at: now,
    })),
  );
  return new Map(rows.map(({ index, grant, row }) => [index, { grant, auditId: row.auditId }]));
}

/**
 * Inserts grants in the order of recording. Prisma would compile each row into its statement, which blocks
 * the event loop for a third of a second per thousand rows.
 */
async function insertGrants(tx: Tx, grants: readonly Omit<Grant, 'number'>[]): Promise<void> {
  const rows = grants.map((grant, position) => ({ ...grant, position, uid: String(grant.uid) }));
  await tx.$executeRaw`
    insert into grants (id, uid, project_id, feature_code, value, valid_from, valid_to, reason,
      audit_id, created_at)
    select id, uid, "projectId", "featureCode", value, "validFrom", "validTo", reason,
      "auditId", "createdAt"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (
      position int, id text, uid bigint, "projectId" text, "featureCode" text, value jsonb,
      "validFrom" timestamptz, "validTo" timestamptz, reason text, "auditId" text,
      "createdAt" timestamptz)
    order by position`;
}
