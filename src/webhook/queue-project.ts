/**
 * SQL: the project to which an enqueued object `w` is known to belong before it is fetched, or ''. It only
 * decides whose turn the object takes; the fetch decides the owner.
 */
export const queueProject = `coalesce(case w.object_type
  when 'checkout.session' then
    (select i.project_id from checkout_intents i where i.session_id = w.object_id)
  when 'subscription' then
    (select u.project_id from subscriptions s join users u using (uid) where s.id = w.object_id)
  when 'customer' then
    (select u.project_id from customers c join users u using (uid) where c.id = w.object_id)
  when 'entitlement_summary' then
    (select u.project_id from customers c join users u using (uid) where c.id = w.object_id)
  when 'product' then (select p.project_id from products p where p.id = w.object_id)
end, '')`;

/** SQL: the project of the row `f` when its object is enqueued again. */
export const keptQueueProject = `coalesce(nullif(excluded.project_id, ''), f.project_id)`;
