import type { Segment, SharedSources, SourceRef, SourceSpan } from './facts.ts';
import { byText } from './order.ts';

/**
 * How many sources a segment lists itself; one with more shares the list of its feature. Few enough that
 * repeating them costs little, and more than most users have, whose timelines are then read from one
 * table.
 */
export const ownSources = 4;

/** The order of sources in answers: by type, id and price. */
export function byRef(a: SourceRef, b: SourceRef): number {
  return byText(a.type, b.type) || byText(a.id, b.id) || byText(a.price_id ?? '', b.price_id ?? '');
}

/** The sources that count in a segment, by type and id; empty where it is denied. */
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

/** The spans of a timeline, each once, in no particular order. */
export function spansOf(timeline: readonly Segment[]): SourceSpan[] {
  const shared = new Set(timeline.map(({ sources }) => sources).filter(isShared));
  return [...shared].flatMap(({ spans }) => spans);
}

function isSpanAt({ validFrom, validTo }: SourceSpan, instant: number): boolean {
  return validFrom <= instant && (validTo === null || instant < validTo);
}
