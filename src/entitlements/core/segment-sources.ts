import type { Segment, SharedSources, SourceRef, SourceSpan } from './facts.ts';
import { byText } from './order.ts';

/**
 * Maximum number of sources that a segment lists itself. A segment with more uses its feature's shared list.
 * Most users stay below this number, so their timelines are read from one table.
 */
export const maxOwnSources = 4;

/** Orders sources as answers do: by type, id and price. */
export function byRef(a: SourceRef, b: SourceRef): number {
  return byText(a.type, b.type) || byText(a.id, b.id) || byText(a.price_id ?? '', b.price_id ?? '');
}

/** Returns the key of a source, equal for equal sources. */
export function refKey({ type, id, price_id: priceId }: SourceRef): string {
  return `${type} ${id} ${priceId ?? ''}`;
}

/** Returns the sources that count in a segment, ordered by type, id and price; empty if denied. */
export function sourcesOf({ sources, validFrom }: Segment): SourceRef[] {
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
