import type { FeatureType, FeatureValue, Segment, SourceRef } from '../core/facts.ts';
import { byRef } from '../core/segment-sources.ts';

/** A segment as Postgres returns it. */
export interface SegmentRow {
  feature_code: string;
  feature_type: FeatureType;
  reason: Segment['reason'];
  value: FeatureValue;
  sources: SourceRef[];
  valid_from: Date | null;
  valid_to: Date | null;
}

/**
 * SQL for all sources of a recorded segment, the row `s` of `entitlement_segments`: the segment's own list,
 * or those with a span that covered it when it was recorded. A live segment's sources never change.
 */
export const segmentSourcesSql = `
  case when s.allowed and jsonb_array_length(s.sources) = 0 then (
    select coalesce(jsonb_agg(c.source), '[]') from entitlement_source_spans c
    where c.uid = s.uid and c.feature_code = s.feature_code
      and c.recorded_at <= s.recorded_at
      and (c.superseded_at is null or c.superseded_at > s.recorded_at)
      and c.valid_from <= s.valid_from and (c.valid_to is null or c.valid_to > s.valid_from)
  ) else s.sources end`;

export function segmentOf(row: SegmentRow): Segment & { sources: SourceRef[] } {
  return {
    featureCode: row.feature_code,
    featureType: row.feature_type,
    reason: row.reason,
    value: row.value,
    sources: row.sources.toSorted(byRef),
    validFrom: row.valid_from?.getTime() ?? null,
    validTo: row.valid_to?.getTime() ?? null,
  };
}
