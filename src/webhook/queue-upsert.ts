import { syncedObjects, syncedTypes } from './core/events.ts';

/* SQL for the upserts that enqueue objects: `w` is the object to enqueue, `f` its row in followed_objects. */

const cases = syncedTypes.flatMap((type) => {
  const { queueProject: query } = syncedObjects[type];
  return query === null ? [] : [`when '${type}' then (${query})`];
});

/** SQL for the project that `w` probably belongs to (`syncedObjects`); '' if unknown. */
export const queueProject = `coalesce(case w.object_type ${cases.join(' ')} end, '')`;

/**
 * SQL that updates the columns of `f` that change whenever an object is enqueued again. An object that is
 * already waiting keeps its position and its highest urgency.
 */
export const enqueuedAgain = `
  wanted = greatest(f.wanted, excluded.wanted),
  urgency = case when f.wanted > f.fetched then least(f.urgency, excluded.urgency) else excluded.urgency end,
  wanted_at = case when f.wanted > f.fetched then f.wanted_at else excluded.wanted_at end,
  failed_at = null,
  project_id = coalesce(nullif(excluded.project_id, ''), f.project_id)`;
