import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import { recordFinding } from './record-finding.ts';
import { beginning, type Position, type RunContext } from './run-context.ts';

/** How many users with a live subscription a step looks at. */
const pageSize = 1_000;

/** A user with several live subscriptions to one product or group. */
interface Doubled {
  uid: bigint;
  project_id: string;
  user_id: string;
  product_id: string | null;
  plan_group: string | null;
  /** Newest first. */
  subscriptions: string[];
}

/**
 * Records the users who have several live subscriptions of which the catalog allows one, as it happens when one
 * is created in Stripe. Nothing is corrected: only an operator can say which one to cancel and refund.
 */
export async function findDoubleSubscriptions(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps, scope } = context;
  const { prisma } = deps.database;
  await context.beat();
  const uids = await loadSubscribers(context, BigInt(position.after ?? 0));
  for (const doubled of await loadDoubled(context, uids)) {
    const [newest = ''] = doubled.subscriptions;
    const { project_id: projectId, user_id: userId, uid } = doubled;
    await recordFinding(prisma, deps.clock(), scope.runId, {
      type: 'double_subscription',
      difference: {
        ...{ objectType: 'subscription', objectId: newest },
        local: {
          subscriptions: doubled.subscriptions.join(', '),
          ...(doubled.plan_group === null
            ? { product: doubled.product_id }
            : { group: doubled.plan_group }),
        },
        stripe: null,
      },
      effects: [{ uid, projectId, userId, gains: [], losses: [], lowered: [] }],
      projectId,
      action: 'reported',
    });
    deps.metrics.reconciliationFindings.inc({ type: 'double_subscription', action: 'reported' });
  }
  const last = uids.at(-1);
  return uids.length < pageSize || last === undefined
    ? null
    : { ...beginning, after: String(last) };
}

/** Loads the next users of the run's scope who have a live subscription, in order. */
async function loadSubscribers({ deps, scope }: RunContext, after: bigint): Promise<bigint[]> {
  const rows = await deps.database.prisma.$queryRaw<{ uid: bigint }[]>`
    select distinct s.uid from subscriptions s join users u on u.uid = s.uid
    where s.uid > ${after} and s.status <> all(${[...terminalStatuses]}::text[])
      and (${scope.projectId}::text is null or u.project_id = ${scope.projectId})
      and (${scope.userId}::text is null or u.user_id = ${scope.userId})
    order by s.uid limit ${pageSize}`;
  return rows.map(({ uid }) => uid);
}

/**
 * Loads those of the users who have several live subscriptions to one group, or to one product without a group
 * that does not allow several. Leaves out those whose newest subscription has another finding of the run.
 */
function loadDoubled({ deps, scope }: RunContext, uids: readonly bigint[]): Promise<Doubled[]> {
  return deps.database.prisma.$queryRaw<Doubled[]>`
    with held as (
      select distinct s.uid, s.id, s.created_at, p.project_id, p.group_name,
        case when p.group_name is null then p.id end as product_id
      from subscriptions s
      join subscription_items i on i.subscription_id = s.id
      join products p on p.id = i.product_id
      where s.uid = any(${uids}::bigint[]) and s.status <> all(${[...terminalStatuses]}::text[])
        and (p.group_name is not null or not p.allow_multiple)
    ), doubled as (
      select uid, project_id, group_name as plan_group, product_id,
        array_agg(id order by created_at desc, id desc) as subscriptions
      from held group by uid, project_id, group_name, product_id having count(*) > 1
    )
    select d.uid, u.project_id, u.user_id, d.plan_group, d.product_id, d.subscriptions
    from doubled d join users u on u.uid = d.uid and u.project_id = d.project_id
    where not exists (
      select from reconciliation_findings f
      where f.run_id = ${scope.runId} and f.object_type = 'subscription'
        and f.object_id = d.subscriptions[1])
    order by d.uid, d.plan_group, d.product_id`;
}
