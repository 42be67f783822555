import type Stripe from 'stripe';
import { terminalStatuses } from '../entitlements/core/stripe-statuses.ts';
import { customerRow } from '../mirror/core/from-stripe.ts';
import { emptySnapshot, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { addSubscription, withDiscounts } from '../mirror/fetch-subscription.ts';
import { whereAllowed } from '../mirror/optional-expansion.ts';
import { correctPage, withCustomers } from './correct-page.ts';
import { compareUnlisted, fetchPage, type Within } from './pages.ts';
import type { Position, RunContext } from './run-context.ts';

/**
 * Compares a page of all subscriptions, ended ones included, with their items and customers; then those
 * that the mirror holds alive and the page should have shown.
 */
export async function compareSubscriptions(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps } = context;
  const stripe = deps.stripeForReconciliation;
  const optional = withDiscounts.map((path) => `data.${path}`);
  const page = await fetchPage(
    context,
    (params) =>
      whereAllowed(optional, ['data.customer'], (expand) =>
        stripe.subscriptions.list({ ...params, status: 'all', expand }),
      ),
    position,
  );
  const snapshots: StripeSnapshot[] = [];
  for (const subscription of page.objects) {
    const snapshot = emptySnapshot();
    await addSubscription(stripe, snapshot, subscription);
    snapshots.push(snapshot);
  }
  // Customers first: a customer may bring the user of its subscriptions.
  const customers = customerSnapshots(page.objects.map(({ customer }) => customer));
  await correctPage(context, customers, page.number);
  await correctPage(context, snapshots, page.number, withCustomers(customers));
  await compareUnlisted(context, 'subscription', position, page, (createdAt, listed, take) =>
    loadAlive(context, createdAt, listed, take),
  );
  return page.next;
}

/** Returns snapshots of the expanded customers, each once. */
export function customerSnapshots(
  customers: readonly (string | Stripe.Customer | Stripe.DeletedCustomer | null)[],
): StripeSnapshot[] {
  const byId = new Map(
    customers
      .filter((customer) => typeof customer === 'object')
      .filter((customer) => customer !== null)
      .map((customer) => [customer.id, customer]),
  );
  return [...byId.values()].map((customer) => ({
    ...emptySnapshot(),
    customers: [customerRow(customer)],
  }));
}

async function loadAlive(
  { deps }: RunContext,
  createdAt: Within,
  listed: string[],
  take: number,
): Promise<string[]> {
  const rows = await deps.database.prisma.subscription.findMany({
    where: {
      status: { notIn: [...terminalStatuses] },
      id: { notIn: listed },
      createdAt,
    },
    select: { id: true },
    orderBy: { createdAt: 'desc' },
    take,
  });
  return rows.map(({ id }) => id);
}
