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
  /** Null = all, those that nobody owns included. */
  projectId: string | null;
  status: EventStatus | undefined;
  /** Only those that were received before the one with this number. */
  before: bigint | undefined;
  take: number;
}

/** How far back a project's events are looked for one by one, before all that it has is collected. */
const lookedThrough = 2_000;

/** Events, the last received first. */
export async function loadEvents(database: Database, filter: EventFilter): Promise<StoredEvent[]> {
  const { status, projectId } = filter;
  if (status === 'pending' || status === 'failed') {
    return run(database, unprocessed(filter, status));
  }
  if (projectId === null) return run(database, listed(filter, sql`true`));
  // Of an ignored event no object is kept by which it could be anybody's.
  if (status === 'ignored') return [];
  // A busy project's last events are among the last of all; a quiet one's are few.
  const recent = await run(
    database,
    listed(
      filter,
      sql`${ownedBy(projectId)} and e.number >= coalesce((
        select number from webhook_events where ${isBefore(filter, sql`number`)}
        order by number desc offset ${lookedThrough} limit 1), 0)`,
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

/** Goes through the events, down from the last. */
function listed(filter: EventFilter, visible: Sql): Sql {
  const { status, take } = filter;
  const ofStatus =
    status === undefined
      ? sql`true`
      : status === 'ignored'
        ? sql`e.outcome <> 'accepted'`
        : sql`e.outcome = 'accepted' and f.fetched > e.number`;
  return sql`
    select ${eventColumns} from ${eventSource}
    where ${ofStatus} and ${visible} and ${isBefore(filter, sql`e.number`)}
    order by e.number desc limit ${take}`;
}

/** Goes out from the objects that are wanted, which are few among all. */
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
