import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import type { UserName } from '../entitlements/users.ts';
import { notFound } from '../http/not-found.ts';
import type { Database } from '../platform/database.ts';

/** A user, of whom the platform key need not name the project: the subscription's id is unique. */
type Owner = Omit<UserName, 'projectId'> & { projectId: string | null };

export interface OwnSubscription {
  id: string;
  projectId: string;
  uid: bigint;
  hasEnded: boolean;
}

/**
 * Loads a subscription of a user. One of another user or project is handled like a missing one, without a
 * request to Stripe.
 *
 * @throws ProblemError subscription_not_found.
 */
export async function loadOwnSubscription(
  { prisma }: Database,
  { projectId, userId }: Owner,
  id: string,
): Promise<OwnSubscription> {
  const row = await prisma.subscription.findFirst({
    where: { id, user: { userId, ...(projectId === null ? {} : { projectId }) } },
    select: { status: true, user: { select: { uid: true, projectId: true } } },
  });
  const user = row?.user ?? null;
  if (row === null || user === null) throw notFound('subscription_not_found', 'id', id);
  return { id, ...user, hasEnded: terminalStatuses.includes(row.status) };
}

/**
 * Loads a subscription of a user that can be changed.
 *
 * @throws ProblemError subscription_not_found, also for a subscription that has ended.
 */
export async function loadLiveSubscription(
  database: Database,
  user: UserName,
  id: string,
): Promise<OwnSubscription> {
  const own = await loadOwnSubscription(database, user, id);
  if (own.hasEnded) {
    throw notFound(
      'subscription_not_found',
      'id',
      id,
      'names a subscription that has ended: open a checkout for a new one',
    );
  }
  return own;
}

/** Loads the ids of a user's subscriptions that have not ended, oldest first. */
export async function loadLiveIds({ prisma }: Database, user: UserName): Promise<string[]> {
  const rows = await prisma.subscription.findMany({
    where: {
      user: { projectId: user.projectId, userId: user.userId },
      status: { notIn: [...terminalStatuses] },
    },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}
