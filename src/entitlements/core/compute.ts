import { isDeepStrictEqual } from 'node:util';

import { featureCases, type FeatureCase } from './decision.ts';
import type { Facts, Segment, SharedSources, SourceRef, Timeline } from './facts.ts';
import { byText } from './order.ts';
import { byRef, maxOwnSources, refKey } from './segment-sources.ts';
import { type Piece, sweepLine } from './sweep-line.ts';

/**
 * Computes the timeline of one user: the answer for every feature over all of time, which reads look up at an
 * instant. It depends only on the facts, not on their order or the current time. Time that no segment covers
 * is `no_source`.
 */
export function compute(facts: Facts): Timeline {
  return computeListing(facts, maxOwnSources);
}

/** Computes the timeline with segments that list up to `maxListed` sources themselves. */
export function computeListing(facts: Facts, maxListed: number): Timeline {
  return featureCases(facts)
    .toSorted((a, b) => byText(a.feature.code, b.feature.code))
    .flatMap((featureCase) => segmentsOf(featureCase, maxListed));
}

function segmentsOf(featureCase: FeatureCase, maxListed: number): Segment[] {
  const { code: featureCode, type: featureType } = featureCase.feature;
  const segments: Segment[] = [];
  const counting = new Map<string, SourceRef>();
  const sharing = createSharing(featureCode);
  for (const piece of sweepLine(featureCase)) {
    for (const ref of piece.left) counting.delete(refKey(ref));
    for (const ref of piece.entered) counting.set(refKey(ref), ref);
    const { from, to, reason, value } = piece;
    const isShared = counting.size > maxListed;
    if (isShared) sharing.share(piece, counting);
    else sharing.stop(from);
    if (reason === 'no_source') continue;
    const last = segments.at(-1);
    if (last?.validTo === from && isSameAnswer(last, piece)) {
      last.validTo = to === Infinity ? null : to;
      continue;
    }
    segments.push({
      featureCode,
      featureType,
      reason,
      value,
      sources: isShared ? sharing.shared : [...counting.values()].toSorted(byRef),
      validFrom: from === -Infinity ? null : from,
      validTo: to === Infinity ? null : to,
    });
  }
  sharing.finish();
  return segments;
}

/** Returns whether a piece continues the segment before it. */
function isSameAnswer(last: Segment, { reason, value, entered, left }: Piece): boolean {
  return (
    entered.length + left.length === 0 &&
    last.reason === reason &&
    isDeepStrictEqual(last.value, value)
  );
}

/** Collects the spans over which sources count in segments that share their list. */
function createSharing(featureCode: string) {
  const shared: SharedSources = { spans: [] };
  const open = new Map<string, { source: SourceRef; validFrom: number }>();

  function close(key: string, at: number): void {
    const span = open.get(key);
    if (span === undefined) return;
    open.delete(key);
    shared.spans.push({ featureCode, ...span, validTo: at === Infinity ? null : at });
  }

  function stop(at: number): void {
    for (const key of [...open.keys()]) close(key, at);
  }

  return {
    shared,
    /**
     * Adds a piece with shared sources. If the previous piece shares none, the spans of all its sources
     * begin.
     */
    share({ from, entered, left }: Piece, counting: ReadonlyMap<string, SourceRef>): void {
      const begun = open.size === 0 ? [...counting.values()] : entered;
      for (const ref of left) close(refKey(ref), from);
      for (const ref of begun) {
        open.set(refKey(ref), { source: ref, validFrom: from });
      }
    },
    /** Ends all open spans: the next piece does not share. */
    stop,
    finish(): void {
      stop(Infinity);
      shared.spans.sort((a, b) => a.validFrom - b.validFrom || byRef(a.source, b.source));
    },
  };
}
