import type {
  FeatureType,
  FeatureValue,
  Segment,
  SourceRef,
  SourceSpan,
  Timeline,
} from './facts.ts';

/** A user's timeline as it is, or was, stored. */
export interface StoredTimeline {
  revision: number;
  /** When it last changed, epoch milliseconds; null where nothing was ever recorded. */
  recordedAt: number | null;
  segments: Timeline;
}

/** A segment as `segmentsSql` writes it; instants are epoch milliseconds. */
export type SegmentTuple = [
  featureCode: string,
  featureType: FeatureType,
  reason: Segment['reason'],
  value: FeatureValue,
  sources: SourceRef[],
  validFrom: number | null,
  validTo: number | null,
  ...more: string[],
];

/** A span as `spansSql` writes it. */
export type SpanTuple = [
  featureCode: string,
  source: SourceRef,
  validFrom: number,
  validTo: number | null,
  ...more: string[],
];

/** A timeline as one value of JSON, which `timelineSql` makes; what there is none of is null. */
export type TimelineTuple = [
  revision: number,
  recordedAt: number | null,
  segments: SegmentTuple[] | null,
  spans: SpanTuple[] | null,
];

/**
 * SQL for one user's timeline as one value: Postgres writes it and we read it in one go, which costs a
 * third less than a row per segment with a column per field. The user is the row `u` of `users`.
 *
 * @param columns what stands for the revision and for its instant.
 * @param isStored of a row of segments or spans, whether it belongs to the timeline.
 */
export function timelineSql(
  columns: { revision: string; recordedAt: string },
  isStored: string,
): string {
  return `json_build_array(
    ${columns.revision},
    ${milliseconds(columns.recordedAt)},
    ${segmentsSql(isStored)},
    ${spansSql(isStored)}
  )`;
}

/**
 * SQL for segments of the user `u`, each as a tuple; null where there are none.
 *
 * @param more a column for the end of the tuples.
 */
export function segmentsSql(isStored: string, more = ''): string {
  return `(
    select json_agg(json_build_array(
      feature_code, feature_type, reason, value, sources,
      ${milliseconds('valid_from')}, ${milliseconds('valid_to')}${more}
    ))
    from entitlement_segments where uid = u.uid and ${isStored}
  )`;
}

/** The same for the spans of sources. */
export function spansSql(isStored: string, more = ''): string {
  return `(
    select json_agg(json_build_array(
      feature_code, source, ${milliseconds('valid_from')}, ${milliseconds('valid_to')}${more}
    ))
    from entitlement_source_spans where uid = u.uid and ${isStored}
  )`;
}

/** SQL for an instant as epoch milliseconds. */
export function milliseconds(instant: string): string {
  return `(extract(epoch from ${instant}) * 1000)::bigint`;
}

/** @param stored null where the user is unknown: revision 0 and an empty timeline. */
export function storedTimeline(stored: TimelineTuple | null): StoredTimeline {
  if (stored === null) return { revision: 0, recordedAt: null, segments: [] };
  const [revision, recordedAt, segments, spans] = stored;
  return {
    revision,
    recordedAt,
    segments: withSpans(segments?.map(segmentOf) ?? [], spans?.map(spanOf) ?? []),
  };
}

/**
 * Segments as they were computed: one that was granted and lists no source has many, those whose spans
 * cover it.
 */
export function withSpans<T extends Segment>(
  segments: readonly (T & { sources: SourceRef[] })[],
  spans: readonly SourceSpan[],
): T[] {
  if (spans.length === 0) return [...segments];
  const byFeature = Map.groupBy(spans, ({ featureCode }) => featureCode);
  const shared = new Map([...byFeature].map(([code, spans]) => [code, { spans }]));
  return segments.map((segment) => {
    const { featureCode, reason, sources } = segment;
    const sharedSources = shared.get(featureCode);
    return reason === 'granted' && sources.length === 0 && sharedSources !== undefined
      ? { ...segment, sources: sharedSources }
      : segment;
  });
}

export function segmentOf(tuple: SegmentTuple): Segment & { sources: SourceRef[] } {
  const [featureCode, featureType, reason, value, sources, validFrom, validTo] = tuple;
  return { featureCode, featureType, reason, value, sources, validFrom, validTo };
}

export function spanOf([featureCode, source, validFrom, validTo]: SpanTuple): SourceSpan {
  return { featureCode, source, validFrom, validTo };
}
