import { z } from 'zod';
import { isoInstant, isoInstantSchema, jsonOutSchema } from '../http/schemas.ts';
import { sql, type Sql, type Tx } from '../platform/database.ts';

/*
 * Events with their status, which is derived and not stored. An accepted event is `processed` once its
 * object was fetched under a higher number, `failed` while the object is failed (all attempts used, retried
 * rarely), and `pending` until then; other events are `ignored`.
 */

export const eventStatuses = ['pending', 'processed', 'failed', 'ignored'] as const;
export type EventStatus = (typeof eventStatuses)[number];

export const eventSchema = z
  .strictObject({
    id: z.string().describe("Stripe's"),
    type: z.string(),
    status: z.enum(eventStatuses),
    outcome: z.string().describe('`accepted`, or why it is ignored'),
    object: z
      .strictObject({ type: z.string(), id: z.string() })
      .nullable()
      .describe('The object to fetch'),
    account: z.string().nullable().describe('`null` = our own'),
    livemode: z.boolean(),
    api_version: z.string().nullable(),
    created_at: isoInstantSchema.describe("Stripe's timestamp"),
    received_at: isoInstantSchema,
    attempts: z.int().describe('Attempts to fetch the object since it was last fetched'),
    next_attempt_at: isoInstantSchema.nullable(),
    failed_at: isoInstantSchema
      .nullable()
      .describe('When all attempts had failed; since then it is retried rarely'),
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
  .extend({ payload: jsonOutSchema.describe('As received; `null` once it is no longer kept') })
  .meta({ id: 'EventWithPayload' });

/** A row of `eventColumns`. */
export interface EventRow {
  number: bigint;
  event_id: string;
  type: string;
  status: EventStatus;
  outcome: string;
  object_type: string | null;
  object_id: string | null;
  account: string;
  livemode: boolean;
  api_version: string | null;
  created_at: Date;
  received_at: Date;
  attempts: number | null;
  next_attempt_at: Date | null;
  failed_at: Date | null;
  last_error: string | null;
  object_missing: boolean;
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

/** An event with its position in the list. */
export interface StoredEvent {
  number: bigint;
  event: EventDto;
}

/**
 * Returns the condition that an event is about an object of the project, evaluated for each event
 * separately (`offset 0` keeps Postgres from collecting all objects of the project first). Null = all
 * events, including those without an owner.
 */
export function ownedBy(projectId: string | null): Sql {
  return projectId === null
    ? sql`true`
    : sql`exists (
        select from object_owners o
        where o.object_type = e.object_type and o.object_id = e.object_id
          and o.project_id = ${projectId} offset 0)`;
}

/** Returns the query for the last events about the objects of a user, the last received first. */
export function userEvents(uid: bigint, take: number): Sql {
  return sql`
    select ${eventColumns} from ${eventSource}
    where (e.object_type, e.object_id) in (
      select object_type, object_id from object_owners where uid = ${uid})
    order by e.number desc limit ${take}`;
}

/**
 * Loads an event by Stripe's id; null if it does not exist or the project may not see it. If a foreign
 * account or mode sent one with the same id, ours is returned.
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
  return row === undefined
    ? null
    : { ...storedEvent(row), payload: z.json().parse(row.payload ?? null) };
}

export function storedEvent(row: EventRow): StoredEvent {
  const { object_type: objectType, object_id: objectId } = row;
  return {
    number: row.number,
    event: {
      id: row.event_id,
      type: row.type,
      status: row.status,
      outcome: row.outcome,
      object: objectType === null || objectId === null ? null : { type: objectType, id: objectId },
      account: row.account === '' ? null : row.account,
      livemode: row.livemode,
      api_version: row.api_version,
      created_at: isoInstant(row.created_at),
      received_at: isoInstant(row.received_at),
      attempts: row.attempts ?? 0,
      next_attempt_at: isoInstant(row.next_attempt_at),
      failed_at: isoInstant(row.failed_at),
      last_error: row.last_error,
      object_missing: row.object_missing,
    },
  };
}
