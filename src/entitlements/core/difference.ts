import type { FeatureValue, Segment, SourceSpan, Timeline } from './facts.ts';
import { byText } from './order.ts';
import { isShared, refKey, spansOf } from './segment-sources.ts';

/** The changes that turn a stored timeline into the new one: rows to supersede, segments and spans to add. */
export interface Difference<Row> {
  goneSegments: Row[];
  addedSegments: Segment[];
  goneSpans: Row[];
  addedSpans: SourceSpan[];
}

/** A stored timeline, with the rows of its segments and spans. */
export interface Stored<Row> {
  segments: readonly { row: Row; segment: Segment }[];
  spans: readonly { row: Row; span: SourceSpan }[];
}

/**
 * Compares a stored timeline with the new one. A segment is kept if its window, answer and sources are the
 * same, so the sources of a live segment never change. The cost depends on the number of segments and spans,
 * not on how many sources the segments share.
 */
export function differenceOf<Row>(stored: Stored<Row>, wanted: Timeline): Difference<Row> {
  const spans = unmatched(
    stored.spans.map(({ row, span }) => ({ row, text: spanText(span), it: span })),
    spansOf(wanted).map((span) => ({ text: spanText(span), it: span })),
  );
  const changed = withOtherSources(wanted, [
    ...spans.gone.map(({ it }) => ({ span: it, by: -1 })),
    ...spans.added.map((span) => ({ span, by: 1 })),
  ]);
  const segments = unmatched(
    stored.segments.map(({ row, segment }) => ({ row, text: segmentText(segment), it: segment })),
    wanted.map((segment) => ({
      // No stored segment has this key, so the segment is replaced.
      text: segmentText(segment) + (changed.has(segment) ? ' with other sources' : ''),
      it: segment,
    })),
  );
  return {
    goneSegments: segments.gone.map(({ row }) => row),
    addedSegments: segments.added,
    goneSpans: spans.gone.map(({ row }) => row),
    addedSpans: spans.added,
  };
}

/** Returns the entries that only one side has, compared by `text`, which is unique on each side. */
function unmatched<Row, T>(
  stored: readonly { row: Row; text: string; it: T }[],
  wanted: readonly { text: string; it: T }[],
): { gone: { row: Row; it: T }[]; added: T[] } {
  const added = new Map(wanted.map(({ text, it }) => [text, it]));
  const gone = stored.filter(({ text }) => !added.delete(text));
  return { gone, added: [...added.values()] };
}

/**
 * Returns the segments that share a list and whose sources have changed: at the start of such a segment, the
 * removed and added spans do not cancel out.
 */
function withOtherSources(
  timeline: Timeline,
  changes: readonly { span: SourceSpan; by: number }[],
): Set<Segment> {
  const changed = new Set<Segment>();
  if (changes.length === 0) return changed;
  const sharing = timeline.filter(({ sources }) => isShared(sources));
  const changesOf = Map.groupBy(changes, ({ span }) => span.featureCode);
  for (const [featureCode, segments] of Map.groupBy(sharing, (one) => one.featureCode)) {
    const edges = (changesOf.get(featureCode) ?? [])
      .flatMap(({ span: { source, validFrom, validTo }, by }) => [
        { at: validFrom, key: refKey(source), by },
        { at: validTo ?? Infinity, key: refKey(source), by: -by },
      ])
      .sort((a, b) => a.at - b.at);
    const balance = new Map<string, number>();
    let next = 0;
    for (const segment of segments.toSorted((a, b) => startOf(a) - startOf(b))) {
      let edge = edges[next];
      while (edge !== undefined && edge.at <= startOf(segment)) {
        const count = (balance.get(edge.key) ?? 0) + edge.by;
        if (count === 0) balance.delete(edge.key);
        else balance.set(edge.key, count);
        next += 1;
        edge = edges[next];
      }
      if (balance.size > 0) changed.add(segment);
    }
  }
  return changed;
}

function startOf({ validFrom }: Segment): number {
  return validFrom ?? -Infinity;
}

function spanText({ featureCode, source, validFrom, validTo }: SourceSpan): string {
  return JSON.stringify([featureCode, refKey(source), validFrom, validTo]);
}

/** Returns a string that is equal for equal segments. */
function segmentText(segment: Segment): string {
  const { featureCode, featureType, reason, value, sources, validFrom, validTo } = segment;
  const listed = isShared(sources) ? 'shared' : sources.map(refKey);
  return JSON.stringify([
    ...[featureCode, featureType, reason, validFrom, validTo, listed],
    withSortedKeys(value),
  ]);
}

/** Returns the value with sorted keys, because `jsonb` does not preserve key order. */
function withSortedKeys(value: FeatureValue): FeatureValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withSortedKeys);
  const sorted = Object.entries(value).toSorted(([a], [b]) => byText(a, b));
  return Object.fromEntries(sorted.map(([key, inner]) => [key, withSortedKeys(inner)]));
}
