import type { Sql, Tx } from '../platform/database.ts';
import type { UserCustomer } from './core/paying-customer.ts';

interface OwnedCustomer extends UserCustomer {
  uid: bigint;
}

/** Loads customers that are not deleted, each with what its user bought through it. */
export function loadUserCustomers(
  tx: Pick<Tx, '$queryRaw'>,
  condition: Sql,
): Promise<OwnedCustomer[]> {
  return tx.$queryRaw<OwnedCustomer[]>`
    select c.id, c.uid, c.is_primary as "isPrimary", c.created_at as "createdAt",
      array(
        select s.status from subscriptions s where s.customer_id = c.id and s.uid = c.uid
      ) as "subscriptionStatuses",
      (
        select count(*)::int from purchases p join checkout_sessions s on s.id = p.session_id
        where s.customer_id = c.id and p.uid = c.uid
      ) as purchases
    from customers c join users u using (uid) where not c.deleted and ${condition}`;
}
