import type {
  FeatureType,
  FeatureValue,
  Segment,
  SourceRef,
  SourceSpan,
  Timeline,
} from '../core/facts.ts';

/** A user's timeline as it is or was stored. */
export interface StoredTimeline {
  revision: number;
  /** When the timeline last changed, epoch milliseconds; null if it never has. */
  recordedAt: number | null;
  segments: Timeline;
}

/** A row of `segmentsSql`; instants are epoch milliseconds. */
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

/** A row of `spansSql`. */
export type SpanTuple = [
  featureCode: string,
  source: SourceRef,
  validFrom: number,
  validTo: number | null,
  ...more: string[],
];

/** The result of `timelineSql`. An empty list is null. */
export type TimelineTuple = [
  revision: number,
  recordedAt: number | null,
  segments: SegmentTuple[] | null,
  spans: SpanTuple[] | null,
];

/**
 * Returns SQL for one user's timeline as a single JSON value, which costs a third less than one row per
 * segment with one column per field. The SQL expects the user as the row `u` of `users`.
 *
 * @param columns SQL for the revision and for the instant of the last change.
 * @param isStored the SQL condition that a segment or span belongs to the timeline.
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
 * Returns SQL for the segments of the user `u`, each as a tuple; null for a user without segments.
 *
 * @param more SQL for additional tuple elements.
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

/** Returns SQL for the source spans of the user `u`, each as a tuple; null for a user without spans. */
export function spansSql(isStored: string, more = ''): string {
  return `(
    select json_agg(json_build_array(
      feature_code, source, ${milliseconds('valid_from')}, ${milliseconds('valid_to')}${more}
    ))
    from entitlement_source_spans where uid = u.uid and ${isStored}
  )`;
}

/** Returns SQL for an instant as epoch milliseconds. */
export function milliseconds(instant: string): string {
  return `(extract(epoch from ${instant}) * 1000)::bigint`;
}

/**
 * Parses a stored timeline.
 *
 * @param stored null for an unknown user, who has revision 0 and an empty timeline.
 */
export function storedTimeline(stored: TimelineTuple | null): StoredTimeline {
  if (stored === null) return { revision: 0, recordedAt: null, segments: [] };
  const [revision, recordedAt, segments, spans] = stored;
  const parse = segmentParser(spans?.map(parseSpan) ?? []);
  return { revision, recordedAt, segments: segments?.map(parse) ?? [] };
}

/**
 * Returns a parser for a timeline's segments. A granted segment without its own list has the sources whose
 * spans cover it.
 */
export function segmentParser(spans: readonly SourceSpan[]): (tuple: SegmentTuple) => Segment {
  const byFeature = Map.groupBy(spans, ({ featureCode }) => featureCode);
  const shared = new Map([...byFeature].map(([code, spans]) => [code, { spans }]));
  return ([featureCode, featureType, reason, value, listed, validFrom, validTo]) => {
    const isListed = reason !== 'granted' || listed.length > 0;
    const sources = isListed ? listed : (shared.get(featureCode) ?? listed);
    return { featureCode, featureType, reason, value, sources, validFrom, validTo };
  };
}

export function parseSpan([featureCode, source, validFrom, validTo]: SpanTuple): SourceSpan {
  return { featureCode, source, validFrom, validTo };
}
