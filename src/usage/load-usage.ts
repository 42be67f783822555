import type pg from 'pg';
import type { Clock } from '../platform/clock.ts';
import type { SourceRef } from '../entitlements/core/facts.ts';
import {
  milliseconds,
  parseSpan,
  segmentParser,
  segmentsSql,
  type SegmentTuple,
  spansSql,
  type SpanTuple,
} from '../entitlements/read/stored-timeline.ts';
import type { Booking, BucketRow, Hold, PastAllowance } from './core/facts.ts';
import {
  allowancesAt,
  type MeteredFeature,
  segmentAt,
  type UserFeature,
} from './core/user-feature.ts';

/** A feature of a project, and the user; null if the user has no facts. */
export interface UsageName {
  projectId: string;
  uid: bigint | null;
  featureCode: string;
}

/** The facts of a feature of a user, and the instant at which they are read, epoch milliseconds. */
export interface LoadedUsage extends UserFeature {
  featureCode: string;
  at: number;
}

/** A row of `usageSql`; instants are epoch milliseconds, null for no end. */
interface UsageRow {
  position: string;
  feature_code: string;
  feature: MeteredFeature | null;
  recorded_at: string | null;
  segments: SegmentTuple[] | null;
  spans: SpanTuple[] | null;
  past: [source: SourceRef, from: number, to: number | null][] | null;
  buckets: BucketTuple[] | null;
  holds: [id: string, bookings: Booking[], expiresAt: number][] | null;
}

type BucketTuple = [
  part: string,
  periodStart: number,
  periodEnd: number | null,
  priceId: string | null,
  schedule: string,
  amount: number | null,
  used: number,
  reported: number,
  usedAt: number,
];

const live = 'superseded_at is null and feature_code = g.feature_code';

/** The parts of the user and feature whose allowance has a rollover. */
const rolloverParts = `(
  select l.source->'allowance'->>'part' from entitlement_source_spans l
  where l.uid = g.uid and l.feature_code = g.feature_code and l.superseded_at is null
    and l.source->'allowance'->'rollover' <> 'null'::jsonb)`;

/**
 * Returns SQL for the usage of the features `g (position, project_id, uid, feature_code)`. It has three parameters: an
 * instant, and the parts and period starts of buckets that are needed in any case.
 *
 * Rows of ended periods are left out, except those of parts with a rollover, the last row of each part, and
 * rows used so recently that a hold may still have units in them.
 */
function usageSql(from: string): string {
  return `
  select g.position, g.feature_code,
    case when f.code is not null
      then json_build_object('type', f.type, 'unit', f.unit, 'overage', f.overage,
        'meter', case when f.meter_event is not null
          then json_build_object('eventName', f.meter_event, 'report', f.meter_report) end) end as feature,
    ${milliseconds('u.recorded_at')} as recorded_at,
    ${segmentsSql(live)} as segments,
    ${spansSql(live)} as spans,
    (select json_agg(json_build_array(
        c.source, ${milliseconds('greatest(c.valid_from, c.recorded_at)')},
        ${milliseconds('least(c.valid_to, c.superseded_at)')}))
      from entitlement_source_spans c
      where c.uid = g.uid and c.feature_code = g.feature_code
        and c.source->'allowance'->>'part' in ${rolloverParts}
        and greatest(c.valid_from, c.recorded_at)
          < coalesce(least(c.valid_to, c.superseded_at), 'infinity')) as past,
    (select json_agg(json_build_array(
        b.part, ${milliseconds('b.period_start')}, ${milliseconds('b.period_end')}, b.price_id,
        b.schedule, b.amount, b.used, b.reported, ${milliseconds('b.used_at')}))
      from usage_buckets b
      where b.uid = g.uid and b.feature_code = g.feature_code and (
        b.period_end is null or b.period_end > $1 or b.used_at > $1 - interval '2 hours'
        or b.part in ${rolloverParts}
        or (b.part, b.period_start) in (select * from unnest($2::text[], $3::timestamptz[]))
        or not exists (
          select from usage_buckets later
          where later.uid = b.uid and later.feature_code = b.feature_code and later.part = b.part
            and later.period_start > b.period_start and later.used > 0))) as buckets,
    (select json_agg(json_build_array(h.id, h.bookings, ${milliseconds('h.expires_at')})
        order by h.created_at, h.id)
      from usage_holds h
      where h.uid = g.uid and h.feature_code = g.feature_code and h.ended_at is null
        and h.expires_at > $1) as holds
  from ${from}
  left join features f on f.project_id = g.project_id and f.code = g.feature_code
  left join users u on u.uid = g.uid`;
}

const namedSql = `${usageSql(`unnest($4::text[], $5::bigint[], $6::text[]) with ordinality
    as g (project_id, uid, feature_code, position)`)}
  order by g.position`;

const ofUsersSql = `${usageSql(`(
    select k.position, n.project_id, n.uid, c.feature_code
    from unnest($4::text[], $5::text[], $6::text[]) with ordinality
      as k (project_id, user_id, feature_code, position)
    join users n on n.project_id = k.project_id and n.user_id = k.user_id
    cross join lateral (
      select distinct s.feature_code from entitlement_segments s
      where s.uid = n.uid and s.superseded_at is null and s.feature_type = 'metered'
        and (k.feature_code is null or s.feature_code = k.feature_code)
    ) c
  ) g`)}
  order by g.position, g.feature_code collate "C"`;

/** What runs queries: the pool, or a connection within a transaction. */
export type Queries = Pick<pg.Pool | pg.PoolClient, 'query'>;

/** When to read: now, or at another instant with the usage of now. */
interface ReadAt {
  clock: Clock;
  /** Epoch milliseconds. */
  at?: number | undefined;
}

/**
 * Loads the usage of features, in the given order, with one statement. The instant is read from the clock after
 * the statement, which may wait for a lock before it, and is never before the last change of the user's timeline.
 *
 * @param bookings buckets to load whether or not they can be used.
 */
export async function loadUsage(
  queries: Queries,
  names: readonly UsageName[],
  bookings: readonly Booking[],
  when: ReadAt,
): Promise<LoadedUsage[]> {
  if (names.length === 0) return [];
  const { rows } = await queries.query<UsageRow>({
    name: 'load-usage',
    text: namedSql,
    values: [
      new Date(Math.min(Math.trunc(when.clock()), when.at ?? Infinity)),
      bookings.map(({ part }) => part),
      bookings.map(({ periodStart }) => new Date(periodStart)),
      names.map(({ projectId }) => projectId),
      names.map(({ uid }) => uid),
      names.map(({ featureCode }) => featureCode),
    ],
  });
  return rows.map(usageParser(when));
}

/** A user, and a feature; null for all metered features that the user's timeline includes. */
export interface AskedUsage {
  projectId: string;
  userId: string;
  featureCode: string | null;
}

/** Loads the usage of the asked features, ordered by code, for each user in the given order. */
export async function loadUsageOfUsers(
  queries: Queries,
  asked: readonly AskedUsage[],
  when: ReadAt,
): Promise<LoadedUsage[][]> {
  const { rows } = await queries.query<UsageRow>({
    name: 'load-usage-of-users',
    text: ofUsersSql,
    values: [
      new Date(Math.min(Math.trunc(when.clock()), when.at ?? Infinity)),
      [],
      [],
      asked.map(({ projectId }) => projectId),
      asked.map(({ userId }) => userId),
      asked.map(({ featureCode }) => featureCode),
    ],
  });
  const byPosition = Map.groupBy(rows, ({ position }) => Number(position));
  return asked.map((_, at) => (byPosition.get(at + 1) ?? []).map(usageParser(when)));
}

function usageParser({ clock, at }: ReadAt): (row: UsageRow) => LoadedUsage {
  const now = Math.trunc(clock());
  return (row) => toUsage(row, at ?? Math.max(now, Number(row.recorded_at ?? 0)));
}

function toUsage(row: UsageRow, instant: number): LoadedUsage {
  const spans = row.spans?.map(parseSpan) ?? [];
  const segments = row.segments?.map(segmentParser(spans)) ?? [];
  const segment = segmentAt(segments, instant);
  return {
    featureCode: row.feature_code,
    feature: row.feature,
    at: instant,
    reason: row.feature === null ? 'feature_not_found' : (segment?.reason ?? 'no_source'),
    facts: {
      allowances: allowancesAt(segment, instant),
      past: (row.past ?? []).flatMap(toPast),
      rows: (row.buckets ?? []).map(toBucketRow),
      holds: (row.holds ?? []).map(([id, bookings, expiresAt]): Hold => ({
        id,
        bookings,
        expiresAt,
      })),
    },
  };
}

function toPast([{ allowance, price_id: priceId }, from, to]: [
  SourceRef,
  number,
  number | null,
]): PastAllowance[] {
  return allowance === undefined
    ? []
    : [{ allowance: { ...allowance, priceId: priceId ?? null }, from, to: to ?? Infinity }];
}

function toBucketRow(tuple: BucketTuple): BucketRow {
  const [part, periodStart, periodEnd, priceId, schedule, amount, used, reported, usedAt] = tuple;
  return {
    ...{ part, periodStart, priceId, schedule, used, reported, usedAt },
    periodEnd: periodEnd ?? Infinity,
    amount: amount ?? Infinity,
  };
}
