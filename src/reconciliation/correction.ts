import { tryApplySnapshot } from '../mirror/apply.ts';
import { isTerminal } from '../entitlements/core/stripe-statuses.ts';
import { fetchSnapshot } from '../mirror/fetch.ts';
import { isTimeout, type Tx } from '../platform/database.ts';
import type { DifferenceType } from '../projects/finding-types.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import { drawNumber } from '../webhook/fetch-numbers.ts';
import { type FindingAction, classifyFinding } from './core/classify-finding.ts';
import { type Difference, differences, type StoredObjects } from './core/diff.ts';
import { loses, type UserEffect } from './core/user-effect.ts';
import { loadEffects } from './load-effects.ts';
import { type NewFinding, recordFinding } from './record-finding.ts';
import type { RunContext, FetchedSnapshot } from './run-context.ts';
import { loadStored } from './stored.ts';

/** Time after a stored end during which Stripe may still return an older state, milliseconds. */
const staleMs = 3_600_000;

/**
 * Compares a fetched snapshot with the mirror and corrects differences with a sync. The sync has the same
 * effect as after a webhook, and no effect if a later fetch was written in the meantime. A correction that
 * would take access from a user is only recorded as `pending`, because all losses of a run are decided
 * together.
 */
export async function correct(context: RunContext, found: FetchedSnapshot): Promise<void> {
  const { deps } = context;
  const stored = await loadStored(deps.database.prisma, found.snapshot, found.number);
  if (differences(found.snapshot, stored).length === 0) return;
  await context.beat();
  const unit = await recheckEnded(context, found, stored);
  if (unit === null) return;
  const [difference] = differences(unit.snapshot, stored);
  if (difference === undefined) return;
  await attemptCorrection(context, unit, difference, (reported, effects) =>
    context.scope.dryRun || reported ? 'reported' : effects.some(loses) ? 'pending' : 'fixed',
  );
}

/**
 * Applies a snapshot in a transaction, measures the effect on users, commits if `decide` returns `fixed`, and
 * records the finding. If the mirror still differs, or if the transaction exceeds its time limit, the finding
 * is `open`. Exceeding the limit also raises an alarm.
 *
 * @param decide is called with the effects, and with whether any project of the affected users has set this
 *   type to `report`.
 * @returns the action; null if the snapshot is stale or outside the scope of the run.
 */
export async function attemptCorrection(
  context: RunContext,
  { snapshot, number, related = {} }: FetchedSnapshot,
  difference: Difference,
  decide: (reported: boolean, effects: readonly UserEffect[]) => FindingAction,
): Promise<FindingAction | null> {
  const { deps, scope } = context;
  const { prisma } = deps.database;
  const isOutside = (projectIds: string[]): boolean =>
    scope.projectId !== null && !projectIds.includes(scope.projectId);
  const found: { finding: NewFinding | null } = { finding: null };
  const { customers = [], products = [] } = related;
  const tried = {
    ...snapshot,
    product: [...products, ...snapshot.product],
    customer: scope.dryRun ? [...snapshot.customer, ...customers] : snapshot.customer,
  };
  const caused = { ...deps, cause: 'reconciliation' as const };
  const kept = await tryApplySnapshot(caused, tried, number, async (tx, refreshed) => {
    found.finding = null;
    const stored = await loadStored(tx, snapshot, number);
    if (stored.newer.has(objectKey(difference))) return false;
    const effects = await loadEffects(tx, refreshed, deps.clock());
    const projectIds = await loadProjects(tx, difference, effects);
    if (isOutside(projectIds)) return false;
    const changed = refreshed.some((user) => user.changed);
    const type = classifyFinding(difference, effects, changed);
    const decided = decide(await wantsReport(tx, projectIds, type), effects);
    const keep = decided === 'fixed';
    const action = keep && differences(snapshot, stored).length > 0 ? 'open' : decided;
    found.finding = { type, difference, effects, projectId: projectIds[0] ?? null, action };
    if (keep) await recordFinding(tx, deps.clock(), scope.runId, found.finding);
    return keep;
  }).catch(async (error: unknown) => {
    if (!isTimeout(error)) throw error;
    found.finding = null;
    const projectIds = await loadProjects(prisma, difference, []);
    if (isOutside(projectIds)) return false;
    const { objectType, objectId } = difference;
    deps.metrics.alarms.inc({ kind: 'timeline_not_computed' });
    deps.logger.error(
      { err: error, objectType, objectId },
      'a correction exceeded the time limit; the finding stays open',
    );
    const type = classifyFinding(difference, [], false);
    const projectId = projectIds[0] ?? null;
    found.finding = { type, difference, effects: [], projectId, action: 'open' };
    return false;
  });
  const { finding } = found;
  if (finding === null) return null;
  const { type, action } = finding;
  if (!kept) await recordFinding(prisma, deps.clock(), scope.runId, finding);
  deps.metrics.reconciliationFindings.inc({ type, action });
  return action;
}

/**
 * Fetches a subscription again that has ended in the mirror but not in Stripe. Shortly after the end, Stripe
 * may still have returned an older state. After that, the mirror is wrong.
 *
 * @returns the snapshot to apply: the fetched one, or the given one if it has no such subscription; null to
 *   leave the subscription to the next run.
 */
async function recheckEnded(
  { deps }: RunContext,
  unit: FetchedSnapshot,
  stored: StoredObjects,
): Promise<FetchedSnapshot | null> {
  const alive = unit.snapshot.subscription.find(({ id, status }) => {
    const local = stored.rows.get(objectKey({ objectType: 'subscription', objectId: id }));
    return isEnded(local) && !isTerminal(status);
  });
  if (alive === undefined) return unit;
  const ended = await deps.database.prisma.subscription.findUniqueOrThrow({
    where: { id: alive.id },
  });
  const endedAt = Math.max(ended.endedAt?.getTime() ?? 0, ended.canceledAt?.getTime() ?? 0);
  if (deps.clock() - endedAt < staleMs) return null;
  const number = await drawNumber(deps.database);
  const object: SyncedRef = { objectType: 'subscription', objectId: alive.id };
  const snapshot = await fetchSnapshot(deps.stripeForReconciliation, object);
  snapshot.revived.push(alive.id);
  return snapshot.subscription.some(({ status }) => !isTerminal(status))
    ? { snapshot, number }
    : null;
}

function isEnded(row: object | undefined): boolean {
  return (
    row !== undefined && 'status' in row && typeof row.status === 'string' && isTerminal(row.status)
  );
}

/**
 * Loads the projects of the affected users, those with losses first, then the projects of the object's
 * owners.
 */
async function loadProjects(
  tx: Tx,
  { objectType, objectId }: SyncedRef,
  effects: readonly UserEffect[],
): Promise<string[]> {
  const owners = await tx.$queryRaw<{ project_id: string }[]>`
    select distinct project_id from object_owners
    where object_type = ${objectType} and object_id = ${objectId}`;
  return [
    ...new Set([
      ...[...effects.filter(loses), ...effects].map(({ projectId }) => projectId),
      ...owners.map(({ project_id: id }) => id),
    ]),
  ];
}

async function wantsReport(
  tx: Tx,
  projectIds: readonly string[],
  type: DifferenceType,
): Promise<boolean> {
  const found = await tx.project.findFirst({
    where: { id: { in: [...projectIds] }, reconcileReport: { has: type } },
    select: { id: true },
  });
  return found !== null;
}

/**
 * Records an open finding for an object that Stripe does not return, although the mirror has it or Stripe
 * lists it. A wrong key or mode has the same effect, so access does not change.
 */
export async function recordMissing(
  context: RunContext,
  object: SyncedRef,
  isMirrored: boolean,
): Promise<void> {
  const { deps, scope } = context;
  const { prisma } = deps.database;
  const projectIds = await loadProjects(prisma, object, []);
  if (scope.projectId !== null && !projectIds.includes(scope.projectId)) return;
  const action = scope.dryRun ? 'reported' : 'open';
  const type = isMirrored ? 'orphan_local' : 'orphan_at_stripe';
  const local = isMirrored ? { exists: true } : null;
  await recordFinding(prisma, deps.clock(), scope.runId, {
    type,
    difference: { ...object, local, stripe: { exists: false } },
    effects: [],
    projectId: projectIds[0] ?? null,
    action,
  });
  deps.metrics.reconciliationFindings.inc({ type, action });
}
