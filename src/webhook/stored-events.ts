import { z } from 'zod';
import { isoInstant, isoInstantSchema, jsonOutSchema } from '../http/schemas.ts';
import { sql, type Sql, type Tx } from '../platform/database.ts';

/*
 * Events with a derived status. An accepted event is `processed` once its object has been fetched under a
 * higher number, `failed` if all attempts to fetch it have failed, and `pending` otherwise. Any other event
 * is `ignored`.
 */

export const eventStatuses = ['pending', 'processed', 'failed', 'ignored'] as const;
export type EventStatus = (typeof eventStatuses)[number];

export const eventSchema = z
  .strictObject({
    id: z.string().describe("The event's id in Stripe"),
    type: z.string(),
    status: z
      .enum(eventStatuses)
      .describe(
        '`pending`: the object must still be fetched. `processed`: the object has been fetched after the event was received. `failed`: every attempt to fetch the object failed. `ignored`: see `outcome`.',
      ),
    outcome: z
      .string()
      .describe(
        '`accepted`, or why the event was ignored. `unknown_type`: no object is synced for this event type. `foreign_account`: the event belongs to another Stripe account. `foreign_mode`: the event is not in the mode of the Stripe key. `no_object`: the payload does not name the object to fetch.',
      ),
    object: z
      .strictObject({ type: z.string(), id: z.string() })
      .nullable()
      .describe('The object to fetch; `null` if the event was ignored'),
    account: z
      .string()
      .nullable()
      .describe("The Stripe account of the event; `null` for the service's own account"),
    livemode: z.boolean(),
    api_version: z.string().nullable(),
    created_at: isoInstantSchema.describe("Stripe's timestamp"),
    received_at: isoInstantSchema,
    attempts: z
      .int()
      .describe('Number of failed attempts to fetch the object since its last successful fetch'),
    next_attempt_at: isoInstantSchema.nullable(),
    failed_at: isoInstantSchema
      .nullable()
      .describe(
        'When the object ran out of attempts. Since then, its fetch is retried once an hour. `null` while attempts are left.',
      ),
    last_error: z.string().nullable(),
    object_missing: z
      .boolean()
      .describe(
        '`true` if the event was processed but Stripe does not know the object. Access does not change in that case. A product or price counts as deleted only if an event reported its deletion.',
      ),
  })
  .meta({ id: 'Event' });
export type EventDto = z.infer<typeof eventSchema>;

export const eventWithPayloadSchema = eventSchema
  .extend({
    payload: jsonOutSchema.describe(
      'The payload as received; `null` if the event was ignored or its payload has expired',
    ),
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

/** The columns of an event `e` and, if its object has one, of the object's row `f`. */
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
 * Returns the condition that an event is about an object of the project; null for all events. Postgres
 * evaluates it per event, because `offset 0` keeps it from collecting all objects of the project first.
 */
export function ownedBy(projectId: string | null): Sql {
  return projectId === null
    ? sql`true`
    : sql`exists (
        select from object_owners o
        where o.object_type = e.object_type and o.object_id = e.object_id
          and o.project_id = ${projectId} offset 0)`;
}

/** Returns the query for events about a user's objects, newest first. */
export function userEvents(uid: bigint, take: number): Sql {
  return sql`
    select ${eventColumns} from ${eventSource}
    where (e.object_type, e.object_id) in (
      select object_type, object_id from object_owners where uid = ${uid})
    order by e.number desc limit ${take}`;
}

/**
 * Loads an event by its id in Stripe; null if it does not exist or the project may not see it. If a foreign
 * event has the same id, the event of our own account and mode is returned.
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
