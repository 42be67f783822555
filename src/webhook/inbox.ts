import type { Deps } from '../deps.ts';
import { createBatches } from '../platform/batches.ts';
import { type Database, isTimeout, isUnreachable } from '../platform/database.ts';
import type { Triage } from './triage.ts';
import type { VerifiedEvent } from './verify.ts';
import { enqueuedAgain, queueProject } from './queue-upsert.ts';

/** A delivered event, with the triage decision about it. */
interface Delivery {
  event: VerifiedEvent;
  raw: Buffer;
  triage: Triage;
  /** Epoch milliseconds. */
  receivedAt: number;
}

const maxEventsPerStatement = 16;
const maxConcurrentStatements = 4;

/**
 * Maximum wait for a statement to begin, milliseconds. After that the delivery fails and Stripe retries it.
 */
const maxStatementWaitMs = 2_000;

/** Stores events. Events that arrive concurrently share a statement and its commit. */
export interface Inbox {
  /**
   * Stores a verified event durably: when this returns, the event is committed in Postgres. `duplicate` means
   * that it was already stored. The payload of an ignored event is not stored, because it may contain
   * personal data of people who are not users.
   */
  store(event: VerifiedEvent, raw: Buffer, triage: Triage): Promise<{ duplicate: boolean }>;
}

export function createInbox({ database, clock }: Pick<Deps, 'database' | 'clock'>): Inbox {
  const insert = createBatches({
    load: (deliveries: Delivery[]) => insertEach(database, deliveries),
    maxSize: maxEventsPerStatement,
    limit: { maxRunning: maxConcurrentStatements, maxWaitMs: maxStatementWaitMs },
  });
  return {
    async store(event, raw, triage) {
      const stored = await insert({ event, raw, triage, receivedAt: clock() });
      if (stored instanceof Error) throw stored;
      return { duplicate: !stored };
    },
  };
}

/**
 * Stores events. Returns for each whether it was new, or its error. An event that cannot be stored does not
 * affect the others.
 */
async function insertEach(
  database: Database,
  deliveries: Delivery[],
): Promise<(boolean | Error)[]> {
  try {
    return await insertEvents(database, deliveries);
  } catch (error) {
    if (deliveries.length === 1 || isUnreachable(error) || isTimeout(error)) throw error;
    const alone = deliveries.map(async (delivery) => insertEach(database, [delivery]));
    return (await Promise.allSettled(alone)).flatMap((one) =>
      one.status === 'fulfilled' ? one.value : [asError(one.reason)],
    );
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

interface StoredEvent {
  account: string;
  livemode: boolean;
  event_id: string;
}

/** Stores events. Returns for each whether it was new. If the list repeats an event, only the first is new. */
async function insertEvents(database: Database, deliveries: Delivery[]): Promise<boolean[]> {
  const { rows } = await database.pool.query<StoredEvent>({
    name: `store-webhook-events-${deliveries.length}`,
    text: storeSql(deliveries.length),
    values: parametersOf(deliveries),
  });
  const stored = new Set(rows.map((row) => keyOf(row.account, row.livemode, row.event_id)));
  return deliveries.map(({ event, triage }) =>
    stored.delete(keyOf(accountOf(event, triage), event.livemode, event.id)),
  );
}

function keyOf(account: string, livemode: boolean, eventId: string): string {
  return `${account} ${livemode} ${eventId}`;
}

/** Returns the account that an event belongs to; empty for our own. */
function accountOf(event: VerifiedEvent, { outcome }: Triage): string {
  return outcome === 'foreign_account' ? (event.account ?? event.context ?? '') : '';
}

/**
 * Returns the statement that stores each event once and enqueues its objects under the event's number. A
 * duplicate changes nothing. Rows are written in the order of their keys, so concurrent statements never
 * deadlock.
 *
 * An event about a failed object resets the object's attempts. If a buyer waits for the object, the event
 * also skips the back-off.
 *
 * Payloads are separate parameters, because an array parameter would escape every quote in them.
 */
function storeSql(count: number): string {
  const payloads = Array.from({ length: count }, (_, at) => `(${at + 1}, $${at + 13}::json)`);
  return `
with delivered as (
  select * from unnest(
    $1::text[], $2::boolean[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::smallint[]
  ) with ordinality as n
    (account, livemode, event_id, type, api_version, outcome, created_at, received_at, urgency, position)
), named as (
  select * from unnest($10::int[], $11::text[], $12::text[]) with ordinality as o
    (position, object_type, object_id, rank)
), stored as (
  insert into webhook_events
    (account, livemode, event_id, type, api_version, object_type, object_id, outcome, created_at, received_at, payload)
  select account, livemode, event_id, type, api_version, lead.object_type, lead.object_id, outcome,
    created_at, received_at, payload
  from delivered
  join (values ${payloads.join(', ')}) as p (position, payload) using (position)
  left join (select distinct on (position) * from named order by position, rank) as lead using (position)
  order by account, livemode, event_id, position
  on conflict (account, livemode, event_id) do nothing
  returning number, account, livemode, event_id
), wanted as (
  insert into followed_objects as f
    (object_type, object_id, wanted, urgency, wanted_at, told_at, project_id)
  select w.*, ${queueProject}
  from (
    select object_type, object_id, max(number), min(urgency), min(received_at), max(received_at)
    from stored join delivered using (account, livemode, event_id) join named using (position)
    group by object_type, object_id
    order by object_type, object_id) w
  on conflict (object_type, object_id) do update set
    ${enqueuedAgain},
    told_at = excluded.told_at,
    attempts = case when f.failed_at is null and f.wanted > f.fetched then f.attempts else 0 end,
    next_attempt_at = case when f.failed_at is null and f.wanted > f.fetched and excluded.urgency > 0 then f.next_attempt_at end
)
select account, livemode, event_id from stored`;
}

function parametersOf(deliveries: Delivery[]): unknown[] {
  const named = deliveries.flatMap(({ triage }, at) =>
    triage.objects.map((object) => ({ position: at + 1, ...object })),
  );
  return [
    deliveries.map(({ event, triage }) => accountOf(event, triage)),
    deliveries.map(({ event }) => event.livemode),
    deliveries.map(({ event }) => event.id),
    deliveries.map(({ event }) => event.type),
    deliveries.map(({ event }) => event.api_version ?? null),
    deliveries.map(({ triage }) => triage.outcome),
    deliveries.map(({ event }) => new Date(event.created * 1000)),
    deliveries.map(({ receivedAt }) => new Date(receivedAt)),
    deliveries.map(({ triage }) => triage.urgency),
    named.map(({ position }) => position),
    named.map(({ objectType }) => objectType),
    named.map(({ objectId }) => objectId),
    ...deliveries.map(({ raw, triage }) =>
      triage.outcome === 'accepted' ? raw.toString('utf8') : null,
    ),
  ];
}
