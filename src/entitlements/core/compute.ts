import { isDeepStrictEqual } from 'node:util';

import { featureCases, type FeatureCase } from './decision.ts';
import type { Facts, Segment, SharedSources, SourceRef, Timeline } from './facts.ts';
import { byText } from './order.ts';
import { byRef, maxOwnSources, refKey } from './segment-sources.ts';
import { type DecidedInterval, sweepLine } from './sweep-line.ts';

/**
 * Computes the timeline of one user: the answers for every feature over all of time. The result depends only
 * on the facts, not on their order or the current time. A period without a segment is `no_source`.
 */
export function compute(facts: Facts): Timeline {
  return computeListing(facts, maxOwnSources);
}

/** Computes the timeline. Segments with more than `maxListed` sources share one list per feature. */
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
  for (const interval of sweepLine(featureCase)) {
    for (const ref of interval.left) counting.delete(refKey(ref));
    for (const ref of interval.entered) counting.set(refKey(ref), ref);
    const { from, to, reason, value } = interval;
    const isShared = counting.size > maxListed || (featureType === 'metered' && counting.size > 0);
    if (isShared) sharing.share(interval, counting);
    else sharing.stop(from);
    if (reason === 'no_source') continue;
    const last = segments.at(-1);
    if (last?.validTo === from && isSameAnswer(last, interval)) {
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

/** Returns whether an interval has the same answer and sources as the segment before it. */
function isSameAnswer(last: Segment, { reason, value, entered, left }: DecidedInterval): boolean {
  return (
    entered.length + left.length === 0 &&
    last.reason === reason &&
    isDeepStrictEqual(last.value, value)
  );
}

/** Collects the source spans for a feature's segments that share one list. */
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
     * Adds an interval that shares the list. If the previous interval did not, a span begins here for every
     * source.
     */
    share(
      { from, entered, left }: DecidedInterval,
      counting: ReadonlyMap<string, SourceRef>,
    ): void {
      const begun = open.size === 0 ? [...counting.values()] : entered;
      for (const ref of left) close(refKey(ref), from);
      for (const ref of begun) {
        open.set(refKey(ref), { source: ref, validFrom: from });
      }
    },
    /** Ends all open spans. Called before an interval that does not share the list. */
    stop,
    finish(): void {
      stop(Infinity);
      shared.spans.sort((a, b) => a.validFrom - b.validFrom || byRef(a.source, b.source));
    },
  };
}
