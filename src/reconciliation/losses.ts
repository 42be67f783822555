import { fetchSnapshot } from '../mirror/fetch.ts';
import type { SyncedType } from '../webhook/core/events.ts';
import { drawNumber } from '../webhook/fetch-numbers.ts';
import { differences } from './core/diff.ts';
import { loses } from './core/user-effect.ts';
import { attemptCorrection, recordMissing } from './correction.ts';
import type { RunContext } from './run-context.ts';
import { loadStored } from './stored.ts';

/** How many users of a project are entitled, and how many lose access through corrections. */
interface Measured {
  projectId: string;
  /**
   * Number of users who are entitled to a feature now, or were before the corrections of the last 24 hours.
   */
  entitled: number;
  /**
   * Number of users who lose access through this run or lost it through the corrections of the last 24 hours.
   */
  losers: number;
}

/** A loss of access by up to this many users is always accepted, even in a small project. */
const maxSmallLoss = 5;

const dayMs = 86_400_000;

/**
 * Decides all corrections of a run that take access away. If too many users of a project would lose access,
 * every correction that takes access from its users is held for an operator, even if the correction also
 * affects other projects. The remaining corrections are checked again and applied.
 */
export async function settleLosses(context: RunContext): Promise<null> {
  const { deps, scope } = context;
  const { prisma } = deps.database;
  for (const measured of await measureLosses(context)) {
    if (!isTooMuch(measured, deps.config.reconcileMaxLossPercent)) continue;
    await prisma.$executeRaw`
      update reconciliation_findings f set action = 'held'
      where f.run_id = ${scope.runId} and f.action = 'pending' and exists (
        select from users u
        where u.uid = any(f.loser_uids) and u.project_id = ${measured.projectId})`;
    deps.metrics.alarms.inc({ kind: 'reconciliation_held' });
    deps.logger.error(
      { run: scope.runId, ...measured },
      'a reconciliation would take access from too many users; its losses are held for an operator',
    );
  }
  await recheckFindings(context, 'pending');
  return null;
}

/** Returns whether a loss is too large to apply. Pure. */
export function isTooMuch({ entitled, losers }: Measured, maxPercent: number): boolean {
  return losers > maxSmallLoss && losers * 100 > entitled * maxPercent;
}

async function measureLosses({ deps, scope }: RunContext): Promise<Measured[]> {
  const now = new Date(deps.clock());
  const dayAgo = new Date(deps.clock() - dayMs);
  return deps.database.prisma.$queryRaw`
    with losing as (
      select u.project_id, u.uid, bool_or(f.action = 'pending') as pending,
        bool_or(f.action <> 'pending') as lost
      from reconciliation_findings f
      cross join unnest(f.loser_uids) as l (uid)
      join users u on u.uid = l.uid
      where (f.run_id = ${scope.runId} and f.action = 'pending')
        or (f.action = 'fixed' and f.resolved_at > ${dayAgo})
        -- Applied, and still different.
        or (f.action = 'open' and f.created_at > ${dayAgo})
      group by u.project_id, u.uid
    ), entitled as (
      select u.project_id, u.uid from entitlement_segments s join users u on u.uid = s.uid
      where u.project_id in (select project_id from losing where pending)
        and s.superseded_at is null and s.allowed
        and s.valid_from <= ${now} and (s.valid_to is null or s.valid_to > ${now})
      union select project_id, uid from losing where lost
    )
    select project_id as "projectId", count(*)::int as losers,
      (select count(*)::int from entitled e where e.project_id = l.project_id) as entitled
    from losing l group by project_id having bool_or(pending) order by project_id`;
}

/**
 * Fetches the objects of findings again and applies the corrections. A correction that would take access from
 * additional users is not applied, nor one whose project has set the type to `report` in the meantime.
 */
export async function recheckFindings(
  context: RunContext,
  action: 'pending' | 'held',
): Promise<void> {
  const { deps, scope } = context;
  const { prisma } = deps.database;
  let after = 0n;
  for (;;) {
    const finding = await prisma.reconciliationFinding.findFirst({
      where: { runId: scope.runId, action, id: { gt: after } },
      orderBy: { id: 'asc' },
    });
    if (finding === null) return;
    after = finding.id;
    await context.beat();
    const object = {
      objectType: finding.objectType as SyncedType, // findings with losses are about synced objects
      objectId: finding.objectId,
    };
    const number = await drawNumber(deps.database);
    const snapshot = await fetchSnapshot(deps.stripeForReconciliation, object);
    if (snapshot.missing.length > 0) {
      await recordMissing(context, object, true);
      continue;
    }
    const [difference] = differences(snapshot, await loadStored(prisma, snapshot, number));
    const recorded = new Set(finding.loserUids);
    const done =
      difference === undefined
        ? null
        : await attemptCorrection(
            context,
            { snapshot, number },
            { ...difference, ...object },
            (reported, effects) => {
              if (reported) return 'reported';
              const losers = effects.filter(loses).map(({ uid }) => uid);
              if (losers.every((uid) => recorded.has(uid))) return 'fixed';
              return action === 'held' ? 'reported' : 'held';
            },
          );
    // Another sync has resolved the difference in the meantime.
    if (done === null) {
      await prisma.reconciliationFinding.updateMany({
        where: { id: finding.id },
        data: { action: 'settled', resolvedAt: new Date(deps.clock()) },
      });
    }
  }
}
