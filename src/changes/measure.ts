import type { Deps } from '../deps.ts';

/**
 * Measures the delay of the feed: the ages of its oldest unpublished change and its oldest overdue boundary.
 */
export async function measureFeed(
  deps: Pick<Deps, 'clock' | 'database' | 'metrics'>,
): Promise<void> {
  const now = deps.clock();
  const { rows } = await deps.database.pool.query<{ unpublished: Date | null; late: Date | null }>(
    `select
       (select recorded_at from changes where position is null order by id limit 1) as unpublished,
       (select next_boundary_at from users where next_boundary_at > to_timestamp(0)
        order by next_boundary_at limit 1) as late`,
  );
  const ageOf = (since: Date | null | undefined): number =>
    since === null || since === undefined ? 0 : Math.max(0, (now - since.getTime()) / 1_000);
  deps.metrics.changesUnpublished.set(ageOf(rows[0]?.unpublished));
  deps.metrics.boundariesLate.set(ageOf(rows[0]?.late));
}
