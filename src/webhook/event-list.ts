import { type Database, sql, type Sql } from '../platform/database.ts';
import {
  eventColumns,
  type EventRow,
  eventSource,
  type EventStatus,
  ownedBy,
  type StoredEvent,
  storedEvent,
} from './stored-events.ts';

export interface EventFilter {
  /** Null for all events, including those without an owner. */
  projectId: string | null;
  status: EventStatus | undefined;
  /** The number of the last event on the previous page. */
  before: bigint | undefined;
  take: number;
}

/** Number of recent events to search for a project's events before the index of the project's objects is used. */
const maxScannedEvents = 2_000;

/** Loads events, newest first. */
export async function loadEvents(database: Database, filter: EventFilter): Promise<StoredEvent[]> {
  const { status, projectId } = filter;
  if (status === 'pending' || status === 'failed') {
    return run(database, unprocessed(filter, status));
  }
  if (projectId === null) return run(database, listed(filter, sql`true`));
  // An ignored event has no owner.
  if (status === 'ignored') return [];
  // A busy project fills the page from recent events. An index finds all events of a quiet project.
  const recent = await run(
    database,
    listed(
      filter,
      sql`${ownedBy(projectId)} and e.number >= coalesce((
        select number from webhook_events where ${isBefore(filter, sql`number`)}
        order by number desc offset ${maxScannedEvents} limit 1), 0)`,
    ),
  );
  if (recent.length === filter.take) return recent;
  return run(
    database,
    listed(
      filter,
      sql`(e.object_type, e.object_id) in (
        select object_type, object_id from object_owners where project_id = ${projectId})`,
    ),
  );
}

/** Returns the query that scans events, newest first. */
function listed(filter: EventFilter, visible: Sql): Sql {
  const { status, take } = filter;
  return sql`
    select ${eventColumns} from ${eventSource}
    where ${status === 'ignored' ? sql`e.outcome <> 'accepted'` : sql`true`}
      and ${status === 'processed' ? sql`e.outcome = 'accepted' and f.fetched > e.number` : sql`true`}
      and ${visible} and ${isBefore(filter, sql`e.number`)}
    order by e.number desc limit ${take}`;
}

/** Returns the query that starts from the enqueued objects, of which there are few. */
function unprocessed(filter: EventFilter, status: 'pending' | 'failed'): Sql {
  const { projectId, take } = filter;
  return sql`
    select ${eventColumns}
    from (
      select * from followed_objects where wanted > fetched
        and ${status === 'failed' ? sql`failed_at is not null` : sql`failed_at is null`}
      offset 0
    ) f cross join lateral (
      select * from webhook_events e
      where e.object_type = f.object_type and e.object_id = f.object_id and e.outcome = 'accepted'
        and e.number > f.fetched and ${isBefore(filter, sql`e.number`)} and ${ownedBy(projectId)}
      order by e.number desc limit ${take}
    ) e
    order by e.number desc limit ${take}`;
}

function isBefore({ before }: EventFilter, number: Sql): Sql {
  return before === undefined ? sql`true` : sql`${number} < ${before}`;
}

async function run(database: Database, query: Sql): Promise<StoredEvent[]> {
  return (await database.prisma.$queryRaw<EventRow[]>(query)).map(storedEvent);
}
