import type {
  Allowance,
  FeatureValue,
  Segment,
  SharedSources,
  SourceRef,
  SourceSpan,
} from './facts.ts';
import { byText } from './order.ts';

/**
 * Maximum number of sources that a segment lists itself. A segment with more uses its feature's shared list.
 * Most users stay below this number, so their timelines are read from one table.
 */
export const maxOwnSources = 4;

/** Orders sources as answers do: by type, id and price. */
export function byRef(a: SourceRef, b: SourceRef): number {
  return (
    byText(a.type, b.type) ||
    byText(a.id, b.id) ||
    byText(a.price_id ?? '', b.price_id ?? '') ||
    byText(a.allowance?.part ?? '', b.allowance?.part ?? '')
  );
}

/** Returns the key of a source, equal for equal sources with equal allowances. */
export function refKey({ type, id, price_id: priceId, allowance }: SourceRef): string {
  const key = `${type} ${id} ${priceId ?? ''}`;
  return allowance === undefined ? key : `${key} ${JSON.stringify(inOrder(allowance))}`;
}

/** Returns the fields in a fixed order, because `jsonb` does not preserve theirs. */
function inOrder({ part, amount, every, interval, rollover, startAt, anchorAt }: Allowance) {
  return [
    ...[part, amount, every, interval?.unit, interval?.count],
    ...[rollover?.max, rollover?.periods, startAt, anchorAt],
  ];
}

/** Returns the sources that count in a segment, ordered by type, id and price; empty if denied. */
export function sourcesOf(segment: Segment): PlainRef[] {
  const sources = countingIn(segment);
  if (segment.featureType !== 'metered') return sources;
  // Two items of a subscription with the same price are one source.
  return [...new Map(sources.map(plainRef).map((ref) => [refKey(ref), ref])).values()];
}

/** A source as answers show it. */
export type PlainRef = Omit<SourceRef, 'allowance'>;

export function plainRef({ type, id, price_id: priceId }: SourceRef): PlainRef {
  return { type, id, ...(priceId === undefined ? {} : { price_id: priceId }) };
}

/** Returns the allowances that a metered feature has in a segment; empty if it is unlimited or denied. */
export function allowancesOf(segment: Segment): (Allowance & { source: PlainRef })[] {
  if (segment.value === 'unlimited') return [];
  return countingIn(segment).flatMap((ref) =>
    ref.allowance === undefined ? [] : [{ ...ref.allowance, source: plainRef(ref) }],
  );
}

/** Returns the value of a segment as answers show it; null if denied. */
export function valueOf(segment: Segment): FeatureValue {
  const { featureType, reason, value } = segment;
  if (featureType !== 'metered' || reason !== 'granted' || value === 'unlimited') return value;
  return allowancesValue(countingIn(segment));
}

/** Returns the value of a metered feature from its sources, ordered by {@link byRef}. */
export function allowancesValue(sources: readonly SourceRef[]): FeatureValue {
  return {
    allowances: sources.flatMap((ref) => {
      if (ref.allowance === undefined) return [];
      const { amount, every } = ref.allowance;
      return { amount, every, source: { ...plainRef(ref) } };
    }),
  };
}

/** Returns the sources that count in a segment, each with its allowance; empty if denied. */
export function countingIn({ sources, validFrom }: Segment): SourceRef[] {
  if (!isShared(sources)) return sources;
  return sources.spans
    .filter((span) => isSpanAt(span, validFrom ?? -Infinity))
    .map(({ source }) => source)
    .toSorted(byRef);
}

export function isShared(sources: Segment['sources']): sources is SharedSources {
  return !Array.isArray(sources);
}

/** Returns each span of a timeline once, in no particular order. */
export function spansOf(timeline: readonly Segment[]): SourceSpan[] {
  const shared = new Set(timeline.map(({ sources }) => sources).filter(isShared));
  return [...shared].flatMap(({ spans }) => spans);
}

function isSpanAt({ validFrom, validTo }: SourceSpan, instant: number): boolean {
  return validFrom <= instant && (validTo === null || instant < validTo);
}
