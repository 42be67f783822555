import type { Tx } from '../platform/database.ts';

/**
 * Returns when the last of what a user is known to have bought or subscribed to began, by Stripe's clock:
 * the greatest `beganAt` of the user's sources. Epoch milliseconds; null = there is none.
 */
export async function loadLastBegan(tx: Tx, uid: bigint): Promise<number | null> {
  const [row] = await tx.$queryRaw<{ began_at: Date | null }[]>`
    select greatest(
      (select max(purchased_at) from purchases where uid = ${uid}),
      (select max(greatest(s.start_date, i.created_at))
       from subscriptions s join subscription_items i on i.subscription_id = s.id
       where s.uid = ${uid})
    ) as began_at`;
  return row?.began_at?.getTime() ?? null;
}
