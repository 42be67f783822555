/*
 * SQL of the upsert that enqueues objects: rows `w` to enqueue, each a row `f` of followed_objects.
 */

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

/**
 * SQL: the columns of `f` that change in the same way whoever enqueues an object again. While it is
 * enqueued, it keeps its place and the highest urgency. A failed object is tried again.
 */
export const enqueuedAgain = `
  wanted = greatest(f.wanted, excluded.wanted),
  urgency = case when f.wanted > f.fetched then least(f.urgency, excluded.urgency) else excluded.urgency end,
  wanted_at = case when f.wanted > f.fetched then f.wanted_at else excluded.wanted_at end,
  failed_at = null,
  project_id = coalesce(nullif(excluded.project_id, ''), f.project_id)`;
