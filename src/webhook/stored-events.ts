import { z } from 'zod';
import { isoInstant, isoInstantSchema, jsonOutSchema } from '../http/schemas.ts';
import { sql, type Sql, type Tx } from '../platform/database.ts';

/*
 * Events with their derived status. An accepted event is `processed` once its object was fetched under a
 * higher number, `failed` if all attempts to fetch it failed, and otherwise `pending`. Any other event is
 * `ignored`.
 */

export const eventStatuses = ['pending', 'processed', 'failed', 'ignored'] as const;
export type EventStatus = (typeof eventStatuses)[number];

export const eventSchema = z
  .strictObject({
    id: z.string().describe("Stripe's id of the event"),
    type: z.string(),
    status: z.enum(eventStatuses),
    outcome: z.string().describe('`accepted`, or why the event is ignored'),
    object: z
      .strictObject({ type: z.string(), id: z.string() })
      .nullable()
      .describe('The object to fetch'),
    account: z.string().nullable().describe('The Stripe account; `null` = our own'),
    livemode: z.boolean(),
    api_version: z.string().nullable(),
    created_at: isoInstantSchema.describe("Stripe's timestamp"),
    received_at: isoInstantSchema,
    attempts: z.int().describe('Failed attempts to fetch the object since it was last fetched'),
    next_attempt_at: isoInstantSchema.nullable(),
    failed_at: isoInstantSchema
      .nullable()
      .describe('When the last attempt failed; the object is then retried once an hour'),
    last_error: z.string().nullable(),
    object_missing: z
      .boolean()
      .describe(
        'The event is processed, but Stripe does not know the object. Access is unchanged; a product or price counts as deleted if an event reported its deletion',
      ),
  })
  .meta({ id: 'Event' });
export type EventDto = z.infer<typeof eventSchema>;

export const eventWithPayloadSchema = eventSchema
  .extend({
    payload: jsonOutSchema.describe('As received; `null` if it was ignored or is no longer kept'),
  })
  .meta({ id: 'EventWithPayload' });

type ConvertedField = 'id' | 'object' | 'attempts' | Extract<keyof EventDto, `${string}_at`>;

/** A row of `eventColumns`. */
export interface EventRow extends Omit<EventDto, ConvertedField> {
  number: bigint;
  event_id: string;
  object_type: string | null;
  object_id: string | null;
  created_at: Date;
  received_at: Date;
  attempts: number | null;
  next_attempt_at: Date | null;
  failed_at: Date | null;
}

/** The columns of an event `e` and of its object's row `f`, if it has one. */
export const eventColumns = sql`
  e.number, e.event_id, e.type, e.outcome, e.object_type, e.object_id, e.account, e.livemode,
  e.api_version, e.created_at, e.received_at, f.attempts, f.next_attempt_at, f.failed_at, f.last_error,
  e.outcome = 'accepted' and f.fetched > e.number and f.outcome = 'missing' is true as object_missing,
  case when e.outcome <> 'accepted' then 'ignored' when f.fetched > e.number then 'processed'
    when f.failed_at is not null then 'failed' else 'pending' end as status`;

export const eventSource = sql`
  webhook_events e left join followed_objects f
    on f.object_type = e.object_type and f.object_id = e.object_id`;

/** An event with its number, which is its position in the list. */
export interface StoredEvent {
  number: bigint;
  event: EventDto;
}

/**
 * Returns the condition that an event is about an object of the project; null = all events. It is evaluated
 * for each event: `offset 0` keeps Postgres from collecting all objects of the project first.
 */
export function ownedBy(projectId: string | null): Sql {
  return projectId === null
    ? sql`true`
    : sql`exists (
        select from object_owners o
        where o.object_type = e.object_type and o.object_id = e.object_id
          and o.project_id = ${projectId} offset 0)`;
}

/** Returns the query for the newest events about the objects of a user, newest first. */
export function userEvents(uid: bigint, take: number): Sql {
  return sql`
    select ${eventColumns} from ${eventSource}
    where (e.object_type, e.object_id) in (
      select object_type, object_id from object_owners where uid = ${uid})
    order by e.number desc limit ${take}`;
}

/**
 * Loads an event by Stripe's id; null if it does not exist or the project may not see it. An event of our own
 * account and mode precedes a foreign one with the same id.
 */
export async function loadEvent(
  tx: Tx,
  projectId: string | null,
  id: string,
): Promise<(StoredEvent & { payload: z.infer<typeof jsonOutSchema> }) | null> {
  const [row] = await tx.$queryRaw<(EventRow & { payload: unknown })[]>`
    select ${eventColumns}, e.payload from ${eventSource}
    where e.event_id = ${id} and ${ownedBy(projectId)}
    order by (e.outcome = 'accepted') desc, e.number desc limit 1`;
  if (row === undefined) return null;
  const { payload, ...event } = row;
  return { ...storedEvent(event), payload: z.json().parse(payload ?? null) };
}

/** Converts a row to an event. */
export function storedEvent(row: EventRow): StoredEvent {
  const { number, event_id: id, object_type: type, object_id: objectId, ...columns } = row;
  const event = {
    ...columns,
    id,
    object: type === null || objectId === null ? null : { type, id: objectId },
    account: row.account === '' ? null : row.account,
    created_at: isoInstant(row.created_at),
    received_at: isoInstant(row.received_at),
    attempts: row.attempts ?? 0,
    next_attempt_at: isoInstant(row.next_attempt_at),
    failed_at: isoInstant(row.failed_at),
  };
  return { number, event };
}
