import type { FeatureType, FeatureValue, Reason, Segment, SourceRef } from './facts.ts';

/** A segment as Postgres gives it. */
export interface SegmentRow {
  feature_code: string;
  feature_type: FeatureType;
  reason: Exclude<Reason, 'no_source'>;
  value: FeatureValue;
  sources: SourceRef[];
  valid_from: Date | null;
  valid_to: Date | null;
}

export function segmentOf(row: SegmentRow): Segment {
  return {
    featureCode: row.feature_code,
    featureType: row.feature_type,
    reason: row.reason,
    value: row.value,
    sources: row.sources,
    validFrom: row.valid_from?.getTime() ?? null,
    validTo: row.valid_to?.getTime() ?? null,
  };
}

/** The same text for equal segments, whatever the order of the keys in their JSON: Postgres keeps none. */
export function segmentText(segment: Segment): string {
  return JSON.stringify(segment, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
