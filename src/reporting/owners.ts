/*
 * Whose a subscription or a payment is, in SQL (docs/reports.md, "Whose it is"): the project of its
 * user; where it has none, the project that took the product. Parts of statements whose
 * `$1` is the project that is asked for; null = all.
 */

/** Whether a row's project is one that is asked for. */
export function ofProject(column: string): string {
  return `($1::text is null or ${column} = $1)`;
}

/**
 * A `with` query `owned (id, project_id, person)` of the subscriptions that a project has. Two branches,
 * so that one project's are found by its users.
 */
export const ownedSubscriptions = `
  owned as (
    select s.id, u.project_id, 'user ' || s.uid as person
    from users u join subscriptions s on s.uid = u.uid
    where ${ofProject('u.project_id')}
    union all
    select s.id, sold.project_id, 'customer ' || s.customer_id
    from subscriptions s, lateral ${soldBy('s.id')} as sold
    where s.uid is null and ${ofProject('sold.project_id')}
  )`;

/** The project that took a product of the subscription: that of its first item whose product has one. */
function soldBy(subscriptionId: string): string {
  return `(
    select p.project_id from subscription_items si join products p on p.id = si.product_id
    where si.subscription_id = ${subscriptionId} and p.project_id is not null
    order by si.position limit 1)`;
}

function userOf(customerId: string): string {
  return `(select u.project_id from customers c join users u on u.uid = c.uid where c.id = ${customerId})`;
}

/** The project of a row `cs` of checkout_sessions. An operator may have given its purchases a user. */
export const sessionProject = `coalesce(
  (select u.project_id from users u where u.uid = cs.uid),
  (select u.project_id from purchases b join users u on u.uid = b.uid
   where b.session_id = cs.id order by b.id limit 1),
  ${userOf('cs.customer_id')},
  (select p.project_id from purchases b join products p on p.id = b.product_id
   where b.session_id = cs.id and p.project_id is not null order by b.id limit 1))`;

/** What `invoiceProject` stands on, joined to a row `i` of invoices: for many rows in one pass. */
export const invoiceOwner = `
  left join subscriptions s on s.id = i.subscription_id
  left join users u on u.uid = s.uid`;

/**
 * The project of a row `i` of invoices with its `invoiceOwner`. That an invoice is a checkout's receipt
 * tells the checkout or, where that was fetched before there was one, the payment that they share.
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
