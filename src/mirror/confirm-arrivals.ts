import type { Tx } from '../platform/database.ts';
import { withArrival } from './from-stripe.ts';
import type { StripeSnapshot } from './stripe-snapshot.ts';

/*
 * Slow money: of a bank debit neither the charge nor its balance transaction need tell when it arrived,
 * since Stripe makes both when it submits the debit. The event does, and its instant is the same however
 * late it is delivered.
 */

/** The snapshot with slow purchases begun when Stripe's event says that their money arrived. */
export async function confirmArrivals(tx: Tx, snapshot: StripeSnapshot): Promise<StripeSnapshot> {
  const arrivals = await loadArrivals(tx, snapshot);
  if (arrivals.size === 0) return snapshot;
  const sessions = snapshot.sessions.map((row) => withArrival(row, arrivals.get(row.id)));
  return { ...snapshot, sessions };
}

/** When the slow money of the snapshot's checkouts arrived, by session, as far as events told. */
export async function loadArrivals(
  tx: Tx,
  { sessions }: StripeSnapshot,
): Promise<Map<string, Date>> {
  const paid = sessions.filter(({ purchases }) => purchases.length > 0);
  if (paid.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ object_id: string; arrived_at: Date }[]>`
    select object_id, min(created_at) as arrived_at from webhook_events
    where object_type = 'checkout.session' and object_id = any(${paid.map(({ id }) => id)})
      and type = 'checkout.session.async_payment_succeeded' and outcome = 'accepted'
    group by object_id`;
  return new Map(rows.map((row) => [row.object_id, row.arrived_at]));
}
