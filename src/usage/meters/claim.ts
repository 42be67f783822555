import { choosePayingCustomer } from '../../entitlements/core/paying-customer.ts';
import { loadUserCustomers } from '../../entitlements/customers.ts';
import { type Database, sql } from '../../platform/database.ts';
import { maxEventAgeMs } from './report.ts';

/** Maximum number of events that a process sends concurrently per project, and in total. */
const concurrency = { perProject: 4, total: 8 };

/**
 * Duration of a lease, milliseconds: longer than the longest wait for the rate budget and an attempt. If the
 * process is killed, another sends the event afterwards.
 */
const leaseMs = 60_000;

/**
 * How long after the first attempt with an unknown outcome an event may be sent again, milliseconds. Stripe
 * keeps identifiers unique for at least 24 hours.
 */
const maxResendMs = 23 * 3_600_000;

/** An event whose value is fixed, leased to this process. */
export interface ClaimedEvent {
  id: string;
  projectId: string;
  uid: bigint;
  eventName: string;
  at: Date;
  value: bigint;
  customerId: string | null;
  attempts: number;
  leasedUntil: Date;
  /** Whether Stripe may have accepted the event in an earlier attempt. */
  mayBeAccepted: boolean;
  /** Whether Stripe would refuse the event, or could count it twice. */
  isTooLate: boolean;
}

/** Seals and leases due events, round-robin by project, and chooses the customers to bill. */
export async function claimEvents(
  database: Pick<Database, 'prisma'>,
  now: number,
): Promise<ClaimedEvent[]> {
  const present = new Date(now);
  const leasedUntil = new Date(now + leaseMs);
  const events = await database.prisma.$queryRaw<ClaimedEvent[]>`
    with free as (
      select due.id from projects p
      cross join lateral (
        select m.id, row_number() over (order by m.next_attempt_at) as turn from meter_events m
        where m.project_id = p.id and m.next_attempt_at <= ${present}
          and (m.leased_until is null or m.leased_until <= ${present})
        order by m.next_attempt_at limit ${concurrency.perProject}
      ) due
      order by due.turn, random() limit ${concurrency.total}
    ), locked as (
      -- Skips an event to which a transaction is adding usage.
      select m.id, m.first_sent_at from meter_events m
      where m.id in (select id from free) and m.next_attempt_at <= ${present}
        and (m.leased_until is null or m.leased_until <= ${present})
      for update skip locked
    )
    update meter_events m set
      sealed_at = coalesce(m.sealed_at, ${present}), leased_until = ${leasedUntil},
      -- A correction goes to the customer who was billed for the minute.
      customer_id = coalesce(m.customer_id, (
        select s.customer_id from meter_events s
        where s.uid = m.uid and s.feature_code = m.feature_code and s.event_name = m.event_name
          and s.at = m.at and s.customer_id is not null
        limit 1))
    from locked where m.id = locked.id
    returning m.id, m.project_id as "projectId", m.uid, m.event_name as "eventName", m.at, m.value,
      m.customer_id as "customerId", m.attempts, m.leased_until as "leasedUntil",
      m.first_sent_at is not null as "mayBeAccepted",
      coalesce(m.first_sent_at <= ${new Date(now - maxResendMs)}, false)
        or m.at < ${new Date(now - maxEventAgeMs)} as "isTooLate"`;
  return withCustomers(database, events);
}

/** Chooses the customers of events that have none yet: those that checkouts of their users would use. */
async function withCustomers(
  { prisma }: Pick<Database, 'prisma'>,
  events: readonly ClaimedEvent[],
): Promise<ClaimedEvent[]> {
  const uids = [
    ...new Set(events.flatMap((event) => (event.customerId === null ? event.uid : []))),
  ];
  if (uids.length === 0) return [...events];
  const byUser = Map.groupBy(
    await loadUserCustomers(prisma, sql`c.uid = any(${uids})`),
    ({ uid }) => uid,
  );
  return events.map((event) => ({
    ...event,
    customerId: event.customerId ?? choosePayingCustomer(byUser.get(event.uid) ?? [])?.id ?? null,
  }));
}
