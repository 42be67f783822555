import { sqlText, type Tx } from '../../platform/database.ts';
import type { Difference, Stored } from '../core/difference.ts';
import type { Segment, SourceSpan } from '../core/facts.ts';
import { isShared } from '../core/segment-sources.ts';
import {
  parseSpan,
  segmentParser,
  segmentsSql,
  type SegmentTuple,
  spansSql,
  type SpanTuple,
} from '../read/stored-timeline.ts';
import { toIso } from './store-changes.ts';

/** A row's id as a string. */
type RowId = string;

const live = 'superseded_at is null';
const segmentsWithId = sqlText(segmentsSql(live, ', id::text'));
const spansWithId = sqlText(spansSql(live, ', id::text'));

/** Loads the live timelines of users, with the row ids of their segments and spans. */
export async function loadLive(
  tx: Tx,
  uids: readonly bigint[],
): Promise<Map<bigint, Stored<RowId>>> {
  const rows = await tx.$queryRaw<
    { uid: bigint; segments: SegmentTuple[] | null; spans: SpanTuple[] | null }[]
  >`
    select u.uid, ${segmentsWithId} as segments, ${spansWithId} as spans
    from users u where u.uid = any(${[...uids]})`;
  return new Map(
    rows.map(({ uid, segments, spans }) => [uid, stored(segments ?? [], spans ?? [])]),
  );
}

function stored(segmentTuples: SegmentTuple[], spanTuples: SpanTuple[]): Stored<RowId> {
  const spans = spanTuples.map((tuple) => ({ row: idOf(tuple), span: parseSpan(tuple) }));
  const parse = segmentParser(spans.map(({ span }) => span));
  const segments = segmentTuples.map((tuple) => ({ row: idOf(tuple), segment: parse(tuple) }));
  return { segments, spans };
}

/** Returns a row's id, which is the last element of the tuple. */
function idOf(tuple: readonly unknown[]): RowId {
  return String(tuple.at(-1));
}

/** The changes to a user's stored timeline. `recordedAt` is in ISO 8601. */
export interface TimelineUpdate extends Difference<RowId> {
  uid: string;
  recordedAt: string;
}

/** Stores updates. Supersedes rows before adding others, so that live segments and spans never overlap. */
export async function storeTimelines(tx: Tx, updates: readonly TimelineUpdate[]): Promise<void> {
  const gone = (rowsOf: (update: TimelineUpdate) => RowId[]) =>
    updates.flatMap((update) => rowsOf(update).map((id) => ({ id, at: update.recordedAt })));
  const goneSegments = gone(({ goneSegments }) => goneSegments);
  const goneSpans = gone(({ goneSpans }) => goneSpans);
  const addedSegments = updates.flatMap(({ uid, recordedAt, addedSegments }) =>
    addedSegments.map((segment) => segmentRow(uid, recordedAt, segment)),
  );
  const addedSpans = updates.flatMap(({ uid, recordedAt, addedSpans }) =>
    addedSpans.map((span) => spanRow(uid, recordedAt, span)),
  );
  for (const [table, rows] of Object.entries({
    entitlement_segments: goneSegments,
    entitlement_source_spans: goneSpans,
  })) {
    if (rows.length === 0) continue;
    await tx.$executeRaw`
      update ${sqlText(table)} t set superseded_at = g.at
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g (id bigint, at timestamptz)
      where t.id = g.id`;
  }
  if (addedSegments.length > 0) {
    await tx.$executeRaw`
      insert into entitlement_segments
        (uid, feature_code, feature_type, allowed, reason, value, sources, valid_from, valid_to, recorded_at)
      select uid, feature_code, feature_type, reason = 'granted', reason,
        case when reason = 'granted' then value end, sources, valid_from, valid_to, recorded_at
      from jsonb_to_recordset(${JSON.stringify(addedSegments)}::jsonb) as a (
        uid bigint, feature_code text, feature_type text, reason text, value jsonb, sources jsonb,
        valid_from timestamptz, valid_to timestamptz, recorded_at timestamptz)`;
  }
  if (addedSpans.length > 0) {
    await tx.$executeRaw`
      insert into entitlement_source_spans
        (uid, feature_code, source, valid_from, valid_to, recorded_at)
      select uid, feature_code, source, valid_from, valid_to, recorded_at
      from jsonb_to_recordset(${JSON.stringify(addedSpans)}::jsonb) as a (
        uid bigint, feature_code text, source jsonb,
        valid_from timestamptz, valid_to timestamptz, recorded_at timestamptz)`;
  }
}

function segmentRow(uid: string, recordedAt: string, segment: Segment): object {
  const { sources } = segment;
  return {
    uid,
    feature_code: segment.featureCode,
    feature_type: segment.featureType,
    reason: segment.reason,
    value: segment.value,
    sources: isShared(sources) ? [] : sources,
    ...windowOf(segment),
    recorded_at: recordedAt,
  };
}

function spanRow(uid: string, recordedAt: string, span: SourceSpan): object {
  const { featureCode, source } = span;
  return { uid, feature_code: featureCode, source, ...windowOf(span), recorded_at: recordedAt };
}

function windowOf({ validFrom, validTo }: Pick<Segment, 'validFrom' | 'validTo'>): object {
  return { valid_from: toIso(validFrom), valid_to: toIso(validTo) };
}
