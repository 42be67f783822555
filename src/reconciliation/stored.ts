import { loadArrivals } from '../mirror/confirm-arrivals.ts';
import { objectsIn, type StripeSnapshot } from '../mirror/core/stripe-snapshot.ts';
import { loadOwnership } from '../mirror/owner.ts';
import type { Subject } from '../mirror/subjects.ts';
import type { Tx } from '../platform/database.ts';
import type { SyncedType } from '../webhook/core/events.ts';
import { type SyncedRef, objectKey } from '../webhook/core/synced-object.ts';
import type { StoredObjects } from './core/diff.ts';

type Row = { id: string } & object;

/** The object type of each table with owners. */
const typeOf: Record<Subject['table'], SyncedType> = {
  customers: 'customer',
  subscriptions: 'subscription',
  checkout_sessions: 'checkout.session',
};

/**
 * Loads the mirror's rows of the objects of a snapshot, with a fixed number of queries.
 *
 * @param number under which the snapshot was fetched.
 */
export async function loadStored(
  tx: Tx,
  snapshot: StripeSnapshot,
  number: bigint,
): Promise<StoredObjects> {
  const rows = new Map<string, Row>();
  const add = (objectType: SyncedType, found: readonly Row[]): void => {
    for (const row of found) rows.set(objectKey({ objectType, objectId: row.id }), row);
  };
  const idsOf = (asked: readonly { id: string }[]) => ({
    where: { id: { in: asked.map(({ id }) => id) } },
  });
  if (snapshot.products.length > 0) {
    add('product', await tx.product.findMany(idsOf(snapshot.products)));
  }
  if (snapshot.prices.length > 0) add('price', await tx.price.findMany(idsOf(snapshot.prices)));
  if (snapshot.customers.length > 0) add('customer', await loadCustomers(tx, snapshot));
  if (snapshot.subscriptions.length > 0) {
    const asked = { ...idsOf(snapshot.subscriptions), include: { items: true, discounts: true } };
    add('subscription', await tx.subscription.findMany(asked));
  }
  if (snapshot.sessions.length > 0) {
    const asked = { ...idsOf(snapshot.sessions), include: { purchases: true } };
    add('checkout.session', await tx.checkoutSession.findMany(asked));
  }
  if (snapshot.charges.length > 0) add('charge', await loadCharges(tx, snapshot));
  if (snapshot.disputes.length > 0) {
    add('dispute', await tx.dispute.findMany(idsOf(snapshot.disputes)));
  }
  if (snapshot.invoices.length > 0) {
    const asked = { ...idsOf(snapshot.invoices), include: { payments: true } };
    add('invoice', await tx.invoice.findMany(asked));
  }
  return {
    rows,
    misowned: await loadMisowned(tx, snapshot, rows),
    newer: await loadNewer(tx, objectsIn(snapshot), number),
    arrivals: await loadArrivals(tx, snapshot),
  };
}

/** Loads customers. The e-mail address of an erased user counts as equal, so it stays erased. */
async function loadCustomers(tx: Tx, snapshot: StripeSnapshot): Promise<Row[]> {
  const rows = await tx.customer.findMany({
    where: { id: { in: snapshot.customers.map(({ id }) => id) } },
    include: { user: { select: { erasedAt: true } } },
  });
  const emails = new Map(snapshot.customers.map(({ id, email }) => [id, email]));
  return rows.map(({ user, ...row }) => {
    const erased = user !== null && user.erasedAt !== null;
    return erased ? { ...row, email: emails.get(row.id) ?? null } : row;
  });
}

async function loadCharges(tx: Tx, snapshot: StripeSnapshot): Promise<Row[]> {
  const ids = snapshot.charges.map(({ id }) => id);
  const charges = await tx.charge.findMany({ where: { id: { in: ids } } });
  const refunds = await tx.refund.findMany({ where: { chargeId: { in: ids } } });
  return charges.map((charge) => ({
    ...charge,
    refunds: refunds.filter(({ chargeId }) => chargeId === charge.id),
  }));
}

/** Loads the objects whose stored user is another than the evidence says, or none. */
async function loadMisowned(
  tx: Tx,
  snapshot: StripeSnapshot,
  rows: ReadonlyMap<string, Row>,
): Promise<Set<string>> {
  const { owned } = await loadOwnership(tx, snapshot);
  const held = owned.flatMap(({ subject, owner }) => {
    const key = objectKey({ objectType: typeOf[subject.table], objectId: subject.id });
    const row = rows.get(key);
    if (row === undefined || !('uid' in row)) return [];
    return [{ key, owner, uid: typeof row.uid === 'bigint' ? row.uid : null }];
  });
  const users = await tx.user.findMany({
    where: { uid: { in: held.flatMap(({ uid }) => uid ?? []) } },
    select: { uid: true, projectId: true, userId: true },
  });
  const byUid = new Map(users.map((user) => [user.uid, user]));
  return new Set(
    held.flatMap(({ key, owner, uid }) => {
      const user = uid === null ? undefined : byUid.get(uid);
      const right = user?.projectId === owner?.projectId && user?.userId === owner?.userId;
      return right ? [] : [key];
    }),
  );
}

async function loadNewer(
  tx: Tx,
  objects: readonly SyncedRef[],
  number: bigint,
): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ object_type: SyncedType; object_id: string }[]>`
    select object_type, object_id from followed_objects f
    join unnest(
      ${objects.map(({ objectType }) => objectType)}::text[],
      ${objects.map(({ objectId }) => objectId)}::text[]) as asked (object_type, object_id)
      using (object_type, object_id)
    where f.fetched > ${number}`;
  return new Set(
    rows.map((row) => objectKey({ objectType: row.object_type, objectId: row.object_id })),
  );
}
