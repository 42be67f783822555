import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import { isGivenAllowance } from '../entitlements/core/allowance.ts';
import type { FeatureValue } from '../entitlements/core/facts.ts';
import { featureType, type GivenValue, valueFault } from '../entitlements/feature-value.ts';
import { updateUser, type UpdateUserDeps } from '../entitlements/refresh/update-user.ts';
import type { Feature, Grant } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { featureNotFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Database } from '../platform/database.ts';
import { newId } from '../platform/ids.ts';
import { loadRemaining, tooManyGrants } from './cap.ts';
import { matching, windowHolds } from './records.ts';
import type { GrantBody, GrantChange, GrantDto, ListFilter } from './schemas.ts';
import { windowOf } from './window.ts';

/**
 * Grants a feature to a user for a window, overriding earlier grants and revocations.
 *
 * @throws ProblemError feature_not_found (also for an archived feature), bad_request, window_invalid,
 *   too_many_grants
 */
export async function createGrant(
  deps: UpdateUserDeps,
  operator: Operator,
  body: GrantBody,
  keep: KeepAnswer<GrantChange>,
): Promise<GrantChange> {
  const { projectId } = operator;
  const { result, revision } = await updateUser(
    deps,
    projectId,
    body.user_id,
    async (tx, { uid, userId }, now) => {
      const feature = await tx.feature.findUnique({
        where: { projectId_code: { projectId, code: body.feature_code } },
      });
      const value = grantableValue(feature, body.value);
      const window = windowOf(body, now);
      const remaining = await loadRemaining(tx, [uid], now);
      if ((remaining.get(uid) ?? 0) <= 0) throw tooManyGrants();
      const auditId = newId('au');
      const row = await tx.grant.create({
        data: {
          id: newId('gr'),
          uid,
          projectId,
          featureCode: body.feature_code,
          value,
          validFrom: new Date(window.validFrom),
          validTo: window.validTo === null ? null : new Date(window.validTo),
          reason: body.reason,
          auditId,
          createdAt: new Date(now),
        },
      });
      const grant = toGrantDto(row, userId);
      const target = { targetType: 'grant', targetId: row.id, reason: body.reason };
      const audit = {
        ...operator,
        userId,
        action: 'grant.create',
        ...target,
        after: grant,
        at: now,
      };
      await recordAudit(tx, audit, auditId);
      return { grant, audit_id: auditId };
    },
    (tx, { result, revision }) => keep(tx, { ...result, revision }),
  );
  return { ...result, revision };
}

/**
 * Returns the value for granting an active feature: the given value or, for a boolean, `true` by default.
 *
 * @throws ProblemError feature_not_found, bad_request, period_not_allowed
 */
export function grantableValue(
  feature: Pick<Feature, 'type' | 'archivedAt'> | null | undefined,
  given: GivenValue | undefined,
): GivenValue {
  if (feature?.archivedAt !== null) {
    throw featureNotFound({ path: 'feature_code', isArchived: feature?.archivedAt !== undefined });
  }
  const type = featureType(feature.type);
  const value = given ?? (type === 'boolean' ? true : undefined);
  const fault =
    value === undefined
      ? `is required because the feature is a \`${type}\`: send ${type === 'limit' ? 'a whole number, or `"unlimited"`' : 'its JSON'}`
      : valueFault(type, value);
  if (value === undefined || fault !== null) {
    throw new ProblemError('bad_request', undefined, [{ path: 'value', message: fault ?? '' }]);
  }
  if (isGivenAllowance(value) && type === 'metered' && value.every === 'period') {
    throw new ProblemError('period_not_allowed', undefined, [
      { path: 'value.every', message: 'must not be `period`: a grant has no billing period' },
    ]);
  }
  return value;
}

/** Loads the project's matching grants, ordered by id. */
export async function loadGrants(
  database: Database,
  projectId: string,
  filter: ListFilter,
  page: { after: string | undefined; take: number },
  now: number,
): Promise<GrantDto[]> {
  const { createdAt } = database.prisma.grant.fields;
  const inForce = { ...windowHolds(now, createdAt), endedAt: null };
  const grants = await database.prisma.grant.findMany({
    where: matching(projectId, filter, page.after, inForce),
    include: { user: { select: { userId: true } } },
    orderBy: { id: 'asc' },
    take: page.take,
  });
  return grants.map((grant) => toGrantDto(grant, grant.user.userId));
}

/** Maps a grant to its DTO. */
export function toGrantDto(grant: Omit<Grant, 'number'>, userId: string): GrantDto {
  return {
    id: grant.id,
    user_id: userId,
    feature_code: grant.featureCode,
    value: grant.value as FeatureValue, // a JSON column
    valid_from: grant.validFrom.toISOString(),
    valid_to: grant.validTo?.toISOString() ?? null,
    ended_at: grant.endedAt?.toISOString() ?? null,
    reason: grant.reason,
    created_at: grant.createdAt.toISOString(),
  };
}
