import type { Tx } from '../platform/database.ts';
import type { StripeSnapshot } from './core/stripe-snapshot.ts';

/**
 * Loads, by session, when delayed payments of the snapshot's checkouts arrived, according to events. Stripe
 * creates a bank debit's charge and balance transaction on submission, so they may not show the arrival. The
 * event does, and its timestamp does not depend on when it is delivered.
 */
export async function loadArrivals(tx: Tx, snapshot: StripeSnapshot): Promise<Map<string, Date>> {
  const paid = snapshot['checkout.session'].filter(({ purchases }) => purchases.length > 0);
  if (paid.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ object_id: string; arrived_at: Date }[]>`
    select object_id, min(created_at) as arrived_at from webhook_events
    where object_type = 'checkout.session' and object_id = any(${paid.map(({ id }) => id)})
      and type = 'checkout.session.async_payment_succeeded' and outcome = 'accepted'
    group by object_id`;
  return new Map(rows.map((row) => [row.object_id, row.arrived_at]));
}
