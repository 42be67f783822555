import { fetchCustomerObjects, fetchDisputes } from '../linking/customer-objects.ts';
import { type SyncedRef, objectKey, refsTo } from '../webhook/core/synced-object.ts';
import { compareSingle } from './pages.ts';
import type { RunContext } from './run-context.ts';

/**
 * Compares all objects of one user, both those in Stripe and those in the mirror. Fetches each individually.
 */
export async function compareUser(context: RunContext): Promise<null> {
  const { deps, scope } = context;
  const { prisma } = deps.database;
  const user = await prisma.user.findUnique({
    where: {
      projectId_userId: { projectId: scope.projectId ?? '', userId: scope.userId ?? '' },
    },
    include: { customers: true, subscriptions: true, sessions: true, purchases: true },
  });
  if (user === null) return null;
  const objects: SyncedRef[] = [
    ...refsTo('customer', user.customers),
    ...refsTo('subscription', user.subscriptions),
    ...refsTo(
      'checkout.session',
      user.sessions.filter(({ status }) => status === 'complete'),
    ),
    ...refsTo(
      'checkout.session',
      user.purchases.map(({ sessionId }) => ({ id: sessionId })),
    ),
  ];
  for (const customer of user.customers.filter(({ deleted }) => !deleted)) {
    await context.beat();
    const stripe = deps.stripeForReconciliation;
    objects.push(...(await fetchCustomerObjects(stripe, customer.id, 'all')).objects);
    objects.push(...(await fetchDisputes(stripe, customer.id)));
  }
  const byKey = new Map(objects.map((object) => [objectKey(object), object]));
  for (const object of byKey.values()) {
    await context.beat();
    await compareSingle(context, object, false);
  }
  return null;
}
