import { customerRow } from '../mirror/core/from-stripe.ts';
import { emptySnapshot } from '../mirror/core/stripe-snapshot.ts';
import { correctPage } from './correct-page.ts';
import { compareUnlisted, fetchPage } from './pages.ts';
import type { Position, RunContext } from './run-context.ts';

/**
 * Compares a page of the customers created since the last success. Older ones come with their subscriptions
 * and purchases; without any, no access depends on them.
 */
export async function compareCustomers(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps, since } = context;
  const page = await fetchPage(
    context,
    (params) => deps.stripeForReconciliation.customers.list(params),
    position,
    since,
  );
  const snapshots = page.objects.map((customer) => ({
    ...emptySnapshot(),
    customers: [customerRow(customer)],
  }));
  await correctPage(context, snapshots, page.number);
  await compareUnlisted(context, 'customer', position, page, async (createdAt, listed, take) => {
    const rows = await deps.database.prisma.customer.findMany({
      where: {
        deleted: false,
        uid: { not: null },
        id: { notIn: listed },
        createdAt,
      },
      select: { id: true },
      orderBy: { createdAt: 'desc' },
      take,
    });
    return rows.map(({ id }) => id);
  });
  return page.next;
}
