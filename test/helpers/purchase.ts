import type { Database } from '../../src/platform/database.ts';

/** Stores the mirror's rows of one user's purchase of one price. */
export async function storePurchase(
  database: Database,
  { projectId, userId }: { projectId: string; userId: string },
  sold: { priceId: string; productId: string },
  purchasedAt: number,
): Promise<void> {
  const at = new Date(purchasedAt);
  const { uid } = await database.prisma.user.upsert({
    where: { projectId_userId: { projectId, userId } },
    create: { projectId, userId, createdAt: at },
    update: {},
  });
  const money = { currency: 'usd', paymentIntentId: `pi_${userId}` };
  await database.prisma.checkoutSession.create({
    data: {
      ...{ ...money, id: `cs_${userId}`, uid, mode: 'payment', status: 'complete' },
      ...{ paymentStatus: 'paid', amountTotal: 900n, createdAt: at },
      purchases: {
        create: {
          ...money,
          ...sold,
          id: `li_${userId}`,
          uid,
          quantity: 1,
          amount: 900n,
          purchasedAt: at,
        },
      },
    },
  });
}
