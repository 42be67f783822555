import type { Tx } from '../platform/database.ts';
import { type StripeSnapshot, withArrivals } from './core/stripe-snapshot.ts';

/*
 * Delayed payments: Stripe creates a bank debit's charge and balance transaction on submission, so they may
 * not show when the money arrived. The event does, and its instant does not depend on its delivery.
 */

/**
 * Returns the snapshot with delayed purchases starting when Stripe's event reports that their money
 * arrived.
 */
export async function confirmArrivals(tx: Tx, snapshot: StripeSnapshot): Promise<StripeSnapshot> {
  return withArrivals(snapshot, await loadArrivals(tx, snapshot));
}

/**
 * Loads when the delayed payments of the snapshot's checkouts arrived, by session, as reported by events.
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
