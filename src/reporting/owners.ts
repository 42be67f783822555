/*
 * Returns SQL that determines the project of a subscription or a payment (docs/reports.md, "Which project a
 * figure belongs to"): the project of its user or, without a user, the project that has the product. In these
 * fragments, `$1` is the requested project; null for all.
 */

/** Returns the SQL condition that a row belongs to a requested project. */
export function ofProject(column: string): string {
  return `($1::text is null or ${column} = $1)`;
}

/**
 * SQL for a `with` query `owned (id, project_id, subscriber)` with the subscriptions of a project.
 * Subscriptions that have a user get a separate branch, so that Postgres finds those of one project with an
 * index.
 */
export const ownedSubscriptions = `
  owned as (
    select s.id, u.project_id, 'user ' || s.uid as subscriber
    from users u join subscriptions s on s.uid = u.uid
    where ${ofProject('u.project_id')}
    union all
    select s.id, sold.project_id, 'customer ' || s.customer_id
    from subscriptions s, lateral ${soldBy('s.id')} as sold
    where s.uid is null and ${ofProject('sold.project_id')}
  )`;

/** Returns SQL for the project that sold the subscription: that of the first item whose product has one. */
function soldBy(subscriptionId: string): string {
  return `(
    select p.project_id from subscription_items si join products p on p.id = si.product_id
    where si.subscription_id = ${subscriptionId} and p.project_id is not null
    order by si.position limit 1)`;
}

function userOf(customerId: string): string {
  return `(select u.project_id from customers c join users u on u.uid = c.uid where c.id = ${customerId})`;
}

/**
 * SQL for the project of a row `cs` of checkout_sessions. An operator may have assigned its purchases to a
 * user.
 */
export const sessionProject = `coalesce(
  (select u.project_id from users u where u.uid = cs.uid),
  (select u.project_id from purchases b join users u on u.uid = b.uid
   where b.session_id = cs.id order by b.id limit 1),
  ${userOf('cs.customer_id')},
  (select p.project_id from purchases b join products p on p.id = b.product_id
   where b.session_id = cs.id and p.project_id is not null order by b.id limit 1))`;

/** SQL for the joins that `invoiceProject` needs for rows `i` of invoices, covering many rows in one pass. */
export const invoiceOwner = `
  left join subscriptions s on s.id = i.subscription_id
  left join users u on u.uid = s.uid`;

/**
 * SQL for the project of a row `i` of invoices, with the joins of `invoiceOwner`. A receipt is found through
 * its checkout or, if the checkout was fetched before the invoice existed, through the payment that both
 * share.
 */
export const invoiceProject = `coalesce(
  u.project_id,
  ${soldBy('s.id')},
  (select ${sessionProject} from checkout_sessions cs where cs.id in (
     select id from checkout_sessions where invoice_id = i.id
     union all
     select paid.id from invoice_payments ip
     join checkout_sessions paid on paid.payment_intent_id = ip.payment_intent_id
     where ip.invoice_id = i.id)
   order by cs.id limit 1),
  ${userOf('i.customer_id')})`;
