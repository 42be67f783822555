import type { Database } from '../../src/platform/database.ts';

/** Stores the mirror's rows of one user's active subscription to one price, since `startedAt`. */
export async function storeSubscription(
  database: Database,
  user: { projectId: string; userId: string },
  sold: { priceId: string; productId: string; quantity?: number },
  startedAt: number,
): Promise<void> {
  const { projectId, userId } = user;
  const start = new Date(startedAt);
  const end = new Date(startedAt + 30 * 86_400_000);
  const id = `sub_${projectId}_${userId}_${sold.priceId}`;
  const { uid } = await database.prisma.user.upsert({
    where: { projectId_userId: { projectId, userId } },
    create: { projectId, userId, createdAt: start },
    update: {},
  });
  await database.prisma.subscription.create({
    data: {
      id,
      uid,
      customerId: `cus_${userId}`,
      status: 'active',
      effectiveStatus: 'active',
      currency: 'usd',
      collectionMethod: 'charge_automatically',
      createdAt: start,
      startDate: start,
      cancelAtPeriodEnd: false,
      items: {
        create: {
          id: `si_${id}`,
          priceId: sold.priceId,
          productId: sold.productId,
          quantity: sold.quantity ?? 1,
          createdAt: start,
          currentPeriodStart: start,
          currentPeriodEnd: end,
          position: 0,
        },
      },
    },
  });
}
