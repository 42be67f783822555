import { syncedObjects, syncedTypes } from './core/events.ts';

/*
 * SQL of the upsert that enqueues objects: rows `w` to enqueue, each a row `f` of followed_objects.
 */

const cases = syncedTypes.flatMap((type) => {
  const { queueProject: query } = syncedObjects[type];
  return query === null ? [] : [`when '${type}' then (${query})`];
});

/** SQL: the project to which an enqueued object `w` is known to belong (`syncedObjects`), or ''. */
export const queueProject = `coalesce(case w.object_type ${cases.join(' ')} end, '')`;

/**
 * SQL: the columns of `f` that change whenever an object is enqueued again. While it is enqueued, it keeps
 * its place and the highest urgency. A failed object is tried again.
 */
export const enqueuedAgain = `
  wanted = greatest(f.wanted, excluded.wanted),
  urgency = case when f.wanted > f.fetched then least(f.urgency, excluded.urgency) else excluded.urgency end,
  wanted_at = case when f.wanted > f.fetched then f.wanted_at else excluded.wanted_at end,
  failed_at = null,
  project_id = coalesce(nullif(excluded.project_id, ''), f.project_id)`;
