import { entryInstant } from './entry-id.ts';
import { type AuditRecord, recordAuditsOn } from '../audit/record.ts';
import type { Queries } from './load-usage.ts';
import { addMeterEventsSql, toMeterEvent } from './meters/add-events.ts';
import type { ReportedDone } from './meters/report.ts';
import { lastRows, type NewEntry, type NewHold } from './perform.ts';

/** A deed that was performed, and the answer to keep under its idempotency key. */
export interface Performed extends ReportedDone {
  text: string;
  keep: { projectId: string; key: string; hash: Buffer } | null;
  /** What the audit log records of it. */
  audits: AuditRecord[];
}

const storeSql = `
with keys as (
  insert into usage_keys (project_id, key, request_hash, answer, at)
  select project_id, key, decode(hash, 'hex'), answer, at
  from jsonb_to_recordset($2::jsonb) as k (
    project_id text, key text, hash text, answer text, at timestamptz)
  order by project_id, key
), entries as (
  insert into usage_entries (
    id, at, project_id, uid, feature_code, kind, amount, bookings, key, metadata, balance_after,
    meter_event)
  select id, at, project_id, uid, feature_code, kind, amount, bookings, key, metadata, balance_after,
    meter_event
  from jsonb_to_recordset($3::jsonb) as e (
    id text, at timestamptz, project_id text, uid bigint, feature_code text, kind text, amount bigint,
    bookings jsonb, key text, metadata jsonb, balance_after bigint, meter_event text)
), buckets as (
  insert into usage_buckets (
    uid, feature_code, part, period_start, period_end, price_id, schedule, amount, used, reported,
    used_at)
  select uid, feature_code, part, period_start, period_end, price_id, schedule, amount, used, reported,
    used_at
  from jsonb_to_recordset($4::jsonb) as b (
    uid bigint, feature_code text, part text, period_start timestamptz, period_end timestamptz,
    price_id text, schedule text, amount bigint, used bigint, reported bigint, used_at timestamptz)
  on conflict (uid, feature_code, part, period_start) do update set
    period_end = excluded.period_end, price_id = excluded.price_id, schedule = excluded.schedule,
    amount = excluded.amount, used = excluded.used, reported = excluded.reported,
    used_at = excluded.used_at
), holds as (
  insert into usage_holds (id, uid, project_id, feature_code, bookings, created_at, expires_at)
  select id, uid, project_id, feature_code, bookings, created_at, expires_at
  from jsonb_to_recordset($5::jsonb) as h (
    id text, uid bigint, project_id text, feature_code text, bookings jsonb, created_at timestamptz,
    expires_at timestamptz)
), ended as (
  update usage_holds h set ended_at = d.at, answer = d.answer
  from jsonb_to_recordset($6::jsonb) as d (id text, at timestamptz, answer text)
  where h.id = d.id
), reversed as (
  update usage_entries e set reversal = d.answer
  from jsonb_to_recordset($7::jsonb) as d (id text, entry_at timestamptz, answer text)
  where e.at = d.entry_at and e.id = d.id
), events as (
  ${addMeterEventsSql('$8')}
)
select`;

/**
 * Stores what deeds changed, together with their answers, with one statement, and a second one for audit rows
 * if there are any. Sends both before it returns. The users must be locked. Keys are inserted in order, so
 * concurrent transactions never deadlock.
 */
export async function storeUsage(
  queries: Queries,
  performed: readonly Performed[],
  now: number,
): Promise<void> {
  const keys = performed.flatMap(({ entry, keep, text }) =>
    keep === null
      ? []
      : {
          project_id: keep.projectId,
          key: keep.key,
          hash: keep.hash.toString('hex'),
          answer: text,
          // Dated like the entry, so that both are deleted at the same time.
          at: toIso(entry?.at ?? now),
        },
  );
  const rows = lastRows(
    performed.flatMap(({ entry, outcome }) =>
      entry === undefined || outcome === undefined ? [] : { place: entry, rows: outcome.rows },
    ),
  );
  const ended = performed.flatMap(({ ended, text }) =>
    ended === undefined ? [] : { ...ended, answer: text },
  );
  const lists = [
    keys,
    performed.flatMap(({ entry }) => (entry === undefined ? [] : toEntryRow(entry))),
    rows.map(({ place, row }) => ({
      uid: String(place.uid),
      feature_code: place.featureCode,
      part: row.part,
      period_start: toIso(row.periodStart),
      period_end: toIso(row.periodEnd),
      price_id: row.priceId,
      schedule: row.schedule,
      amount: row.amount === Infinity ? null : row.amount,
      used: row.used,
      reported: row.reported,
      used_at: toIso(row.usedAt),
    })),
    performed.flatMap(({ newHold }) => (newHold === undefined ? [] : toHoldRow(newHold))),
    ended
      .filter(({ table }) => table === 'hold')
      .map(({ id, at, answer }) => ({ id, at: toIso(at), answer })),
    ended
      .filter(({ table }) => table === 'entry')
      .map(({ id, answer }) => ({ id, entry_at: toIso(entryInstant(id) ?? Infinity), answer })),
    performed.flatMap(({ entry, report }) =>
      entry === undefined || report === undefined ? [] : toMeterEvent(entry, report),
    ),
  ];
  if (lists.every((list) => list.length === 0)) return;
  const audits = performed.flatMap((one) => one.audits);
  await Promise.all([
    queries.query({
      name: 'store-usage',
      text: storeSql,
      values: [new Date(now), ...lists.map((list) => JSON.stringify(list))],
    }),
    recordAuditsOn(queries, audits),
  ]);
}

function toEntryRow(entry: NewEntry): object {
  return {
    ...{ id: entry.id, at: toIso(entry.at), project_id: entry.projectId, uid: String(entry.uid) },
    ...{ feature_code: entry.featureCode, kind: entry.kind, amount: entry.amount },
    ...{ bookings: entry.bookings, key: entry.key, metadata: entry.metadata },
    balance_after: entry.balanceAfter,
    meter_event: entry.meterEvent,
  };
}

function toHoldRow(hold: NewHold): object {
  return {
    ...{ id: hold.id, uid: String(hold.uid), project_id: hold.projectId },
    ...{ feature_code: hold.featureCode, bookings: hold.bookings },
    ...{ created_at: toIso(hold.createdAt), expires_at: toIso(hold.expiresAt) },
  };
}

/** Returns an instant as ISO 8601; null for no end. */
function toIso(instant: number): string | null {
  return instant === Infinity ? null : new Date(instant).toISOString();
}
