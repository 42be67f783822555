import type { Database } from '../platform/database.ts';
import type { MessageType } from './core/message.ts';

/** Maximum number of concurrent attempts to one endpoint, all instances together. */
const maxPerEndpoint = 4;

/**
 * Lease of a delivery, milliseconds: longer than an attempt and the read before it can take. A delivery whose
 * process was killed is claimed again after it.
 */
const leaseMs = 30_000;

/** A secret that still signs after a rotation. */
export interface PreviousSecret {
  secret: string;
  /** ISO 8601. */
  until: string;
}

/** A delivery that this process may attempt until `leasedUntil`. */
export interface Claim {
  id: string;
  endpointId: string;
  projectId: string;
  url: string;
  secret: string;
  previousSecrets: PreviousSecret[];
  failingSince: Date | null;
  messageId: string;
  type: MessageType;
  data: { user_id: string; revision: number; recorded_at: string };
  createdAt: Date;
  tries: number;
  isFirst: boolean;
  leasedUntil: Date;
}

/** The attempts that run in this process. */
export interface Capacity {
  /** Maximum of all. */
  max: number;
  /** The number of running ones by project. */
  running: ReadonlyMap<string, number>;
}

/**
 * Claims due deliveries for attempts, the oldest of each endpoint first. Free capacity is shared: a project
 * gets at most half of what the others leave, so that endpoints that do not answer leave room for others.
 *
 * @param now epoch milliseconds.
 */
export async function claimDeliveries(
  { pool }: Database,
  now: number,
  { max, running }: Capacity,
): Promise<Claim[]> {
  const total = [...running.values()].reduce((sum, count) => sum + count, 0);
  if (total >= max) return [];
  const { rows } = await pool.query<Claim>(
    `with recursive with_pending (endpoint_id) as (
       (select endpoint_id from webhook_deliveries where status = 'pending' order by endpoint_id limit 1)
       union all
       select (
         select d.endpoint_id from webhook_deliveries d
         where d.status = 'pending' and d.endpoint_id > w.endpoint_id order by d.endpoint_id limit 1)
       from with_pending w where w.endpoint_id is not null
     ), endpoints as materialized (
       select e.* from with_pending w join webhook_endpoints e on e.id = w.endpoint_id
       where e.status = 'enabled' and e.deleted_at is null and exists (
         select from webhook_deliveries d
         where d.endpoint_id = e.id and d.status = 'pending' and d.next_attempt_at <= $1
           and (d.leased_until is null or d.leased_until <= $1))
       for no key update of e skip locked
     ), due as (
       select d.id, e.project_id, d.next_attempt_at,
         row_number() over (partition by e.project_id order by d.next_attempt_at) as nth
       from endpoints e cross join lateral (
         select d.id, d.next_attempt_at from webhook_deliveries d
         where d.endpoint_id = e.id and d.status = 'pending' and d.next_attempt_at <= $1
           and (d.leased_until is null or d.leased_until <= $1)
         order by d.next_attempt_at
         limit $2::int - (select count(*) from webhook_deliveries l
                     where l.endpoint_id = e.id and l.leased_until > $1)
       ) d
     ), chosen as (
       select due.id from due
       left join (select key as project_id, value::int as count from jsonb_each_text($5::jsonb)) r using (project_id)
       where nth + coalesce(r.count, 0) <= greatest($2::int, ($3::int - $4::int + coalesce(r.count, 0)) / 2)
       order by nth, next_attempt_at limit $3::int - $4::int
     )
     update webhook_deliveries d set leased_until = $6
     from chosen, webhook_endpoints e
     where d.id = chosen.id and e.id = d.endpoint_id
     returning d.id, e.id as "endpointId", e.project_id as "projectId", e.url, e.secret,
       e.previous_secrets as "previousSecrets", e.failing_since as "failingSince",
       d.message_id as "messageId", d.type, d.data, d.created_at as "createdAt", d.tries,
       d.attempts = '[]' as "isFirst", d.leased_until as "leasedUntil"`,
    [
      new Date(now),
      maxPerEndpoint,
      max,
      total,
      JSON.stringify(Object.fromEntries(running)),
      new Date(now + leaseMs),
    ],
  );
  return rows;
}
