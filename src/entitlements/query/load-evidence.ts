import type { Tx } from '../../platform/database.ts';
import { byText } from '../core/order.ts';
import type { UserName } from '../users.ts';

/** The Stripe objects and stored events behind a source. */
export interface SourceEvidence {
  /** Sorted. */
  stripeIds: string[];
  /** The newest 20 events about these objects, newest first. */
  eventIds: string[];
}

interface ObjectRow {
  source_id: string;
  object_type: string;
  object_id: string;
}

interface EventRow extends Omit<ObjectRow, 'source_id'> {
  event_id: string;
  number: bigint;
}

const maxEvents = 20;

/**
 * Loads, by source id, the Stripe objects behind subscriptions and purchases and the events about those
 * objects, in two queries. Sources without objects, such as grants, have no entry.
 */
export async function loadEvidence(
  tx: Tx,
  sources: { subscriptionIds: string[]; purchaseIds: string[] },
): Promise<Map<string, SourceEvidence>> {
  const objects = await loadObjects(tx, sources.subscriptionIds, sources.purchaseIds);
  const events = Map.groupBy(await loadEvents(tx, objects), objectKey);
  const bySource = Map.groupBy(objects, (row) => row.source_id);
  return new Map(
    [...bySource].map(([sourceId, ofSource]) => [
      sourceId,
      {
        stripeIds: [...new Set(ofSource.map((row) => row.object_id))].toSorted(byText),
        eventIds: ofSource
          .flatMap((row) => events.get(objectKey(row)) ?? [])
          .toSorted((a, b) => Number(b.number - a.number))
          .slice(0, maxEvents)
          .map((row) => row.event_id),
      },
    ]),
  );
}

/** Loads the id of the latest audit row about each of these grants and revocations of a user. */
export async function loadAuditIds(
  tx: Tx,
  { projectId, userId }: UserName,
  targetIds: string[],
): Promise<Map<string, string>> {
  if (targetIds.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ target_id: string; id: string }[]>`
    select distinct on (target_id) target_id, id from audit_entries
    where project_id = ${projectId} and user_id = ${userId}
      and target_type in ('grant', 'revocation') and target_id = any(${targetIds})
    order by target_id, number desc`;
  return new Map(rows.map((row) => [row.target_id, row.id]));
}

/**
 * Loads the Stripe objects of each source, including the source itself. A subscription has its customer,
 * session and unpaid invoices. A purchase has its session, customer, invoice and payment, with charges,
 * refunds and disputes, joined as in `loadPayments`.
 */
async function loadObjects(
  tx: Tx,
  subscriptionIds: string[],
  purchaseIds: string[],
): Promise<ObjectRow[]> {
  if (subscriptionIds.length === 0 && purchaseIds.length === 0) return [];
  return tx.$queryRaw<ObjectRow[]>`
    with subscribed as (select id, customer_id from subscriptions where id = any(${subscriptionIds})),
    bought as (
      select p.id, p.session_id, p.payment_intent_id, p.invoice_id, s.customer_id
      from purchases p join checkout_sessions s on s.id = p.session_id
      where p.id = any(${purchaseIds})
    ),
    paid as (
      select id, payment_intent_id from bought
      union
      select b.id, ip.payment_intent_id
      from bought b join invoice_payments ip on ip.invoice_id = b.invoice_id
    ),
    charged as (select p.id, c.id as charge_id from paid p join charges c using (payment_intent_id))
    select source_id, object_type, object_id from (
      select id as source_id, 'subscription' as object_type, id as object_id from subscribed
      union select id, 'customer', customer_id from subscribed
      union select h.id, 'checkout.session', s.id
        from subscribed h join checkout_sessions s on s.subscription_id = h.id
      union select h.id, 'invoice', i.id
        from subscribed h join invoices i on i.subscription_id = h.id and i.status in ('open', 'uncollectible')
      union select id, 'item', id from bought
      union select id, 'checkout.session', session_id from bought
      union select id, 'customer', customer_id from bought
      union select id, 'invoice', invoice_id from bought
      union select id, 'payment_intent', payment_intent_id from paid
      union select id, 'charge', charge_id from charged
      union select p.id, 'refund', r.id from paid p join refunds r using (payment_intent_id)
      union select c.id, 'refund', r.id from charged c join refunds r using (charge_id)
      union select p.id, 'dispute', d.id from paid p join disputes d using (payment_intent_id)
      union select c.id, 'dispute', d.id from charged c join disputes d using (charge_id)
    ) objects
    where object_id is not null`;
}

async function loadEvents(tx: Tx, objects: readonly ObjectRow[]): Promise<EventRow[]> {
  if (objects.length === 0) return [];
  const types = objects.map((row) => row.object_type);
  const ids = objects.map((row) => row.object_id);
  return tx.$queryRaw<EventRow[]>`
    select o.object_type, o.object_id, e.event_id, e.number
    from (
      select distinct * from unnest(${types}::text[], ${ids}::text[]) as given (object_type, object_id)
    ) o
    cross join lateral (
      select event_id, number from webhook_events w
      where w.object_type = o.object_type and w.object_id = o.object_id
      order by number desc limit ${maxEvents}
    ) e`;
}

function objectKey(row: Omit<ObjectRow, 'source_id'>): string {
  return `${row.object_type} ${row.object_id}`;
}
