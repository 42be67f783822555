import { denialOf, inForceOf, hasEnded, revokedBy, type FeatureCase } from './decision.ts';
import type { FeatureValue, SourceRef } from './facts.ts';
import { isGrant, type FeatureSource } from './merge.ts';
import { createPriorityQueue } from './priority-queue.ts';
import { type Reason, sourceDenialNames } from './reasons.ts';
import { createRunningMerge } from './running-merge.ts';
import { refKey } from './segment-sources.ts';
import type { Standing } from './source-lifecycle.ts';
import type { RevocationWindow } from './windows.ts';

/** The decision for a feature between two adjacent bounds, given as a change from the previous interval. */
export interface DecidedInterval {
  from: number;
  /** The end, exclusive. The next interval begins here. */
  to: number;
  reason: Reason;
  /** Null if denied. */
  value: FeatureValue;
  /** The sources that count here but not in the previous interval. */
  entered: SourceRef[];
  /** The sources that count in the previous interval but not here. */
  left: SourceRef[];
}

/** The changes at a bound. */
interface Bound {
  sources: { source: FeatureSource; before: Standing | null; after: Standing }[];
  begun: RevocationWindow[];
  over: RevocationWindow[];
}

/**
 * Decides one feature over all of time. The result equals that of `decide` at every instant. The sweep line
 * visits the bounds of windows, the only instants at which the answer can change. The cost of a bound depends
 * on its changes, not on the number of sources.
 */
export function* sweepLine(featureCase: FeatureCase): Generator<DecidedInterval> {
  const state = createState(featureCase);
  const bounds = [...boundsOf(featureCase)].toSorted(([a], [b]) => a - b);
  for (const [index, [from, bound]] of bounds.entries()) {
    const to = bounds[index + 1]?.[0];
    if (to === undefined) break;
    yield { from, to, ...state.pass(bound) };
  }
}

/** Returns the changes at each bound, including ±Infinity for open windows. */
function boundsOf({ sources, revocations }: FeatureCase): Map<number, Bound> {
  const bounds = new Map<number, Bound>();
  const at = (instant: number): Bound => {
    const bound = bounds.get(instant) ?? { sources: [], begun: [], over: [] };
    bounds.set(instant, bound);
    return bound;
  };
  for (const source of sources) {
    let before: Standing | null = null;
    for (const { standing, from, to } of source.lifecycle) {
      at(from).sources.push({ source, before, after: standing });
      before = standing;
      at(to); // registers the end of the last phase
    }
  }
  for (const revocation of revocations) {
    if (revocation.from >= revocation.to) continue;
    at(revocation.from).begun.push(revocation);
    at(revocation.to).over.push(revocation);
  }
  return bounds;
}

function createState({ feature, sources }: FeatureCase) {
  const standings = Object.fromEntries(
    ['granted', ...sourceDenialNames].map((standing) => [standing, 0]),
  ) as Record<Standing, number>; // has an entry for every standing
  /** The sources that give access at the instant. They count unless they are revoked. */
  const standing = new Set<FeatureSource>();
  const counting = new Set<FeatureSource>();
  const merge = createRunningMerge(feature, sources);
  const refs = createRefCount(sources);
  const grants = createPriorityQueue(
    sources.filter(isGrant).toSorted((a, b) => b.grantNumber - a.grantNumber),
  );
  const covering = new Set<RevocationWindow>();
  let inForce: RevocationWindow[] = [];
  let lastGrant = -Infinity;
  /**
   * Among the sources that have ended, the one that began last. A revocation that spares any of them spares
   * this one.
   */
  let lastEnded: FeatureSource | null = null;

  function setCounts(source: FeatureSource, counts: boolean): void {
    if (counting.has(source) === counts) return;
    if (counts) {
      counting.add(source);
      merge.add(source);
      refs.add(source);
    } else {
      counting.delete(source);
      merge.remove(source);
      refs.remove(source);
    }
  }

  function setStanding({ source, before, after }: Bound['sources'][number]): void {
    if (before !== null) standings[before] -= 1;
    standings[after] += 1;
    if (before === 'granted') {
      standing.delete(source);
      setCounts(source, false);
      if (isGrant(source)) grants.remove(source);
    }
    if (after === 'granted') {
      standing.add(source);
      if (isGrant(source)) grants.add(source);
    }
    // A source that has ended never gives access again.
    if (hasEnded(after) && (lastEnded === null || beganAt(source) > beganAt(lastEnded))) {
      lastEnded = source;
    }
  }

  return {
    /** Applies the changes at the next bound, and decides the interval that follows. */
    pass(bound: Bound): Omit<DecidedInterval, 'from' | 'to'> {
      for (const one of bound.sources) setStanding(one);
      for (const revocation of bound.over) covering.delete(revocation);
      for (const revocation of bound.begun) covering.add(revocation);
      const before = inForce;
      const grant = grants.first()?.grantNumber ?? -Infinity;
      if (grant !== lastGrant || bound.begun.length + bound.over.length > 0) {
        inForce = inForceOf([...covering], grant);
        lastGrant = grant;
      }
      // A change to the revocations in force may affect any source, not only those that changed at this
      // bound.
      const affected = isSameList(before, inForce)
        ? bound.sources.map(({ source }) => source).filter((source) => standing.has(source))
        : standing;
      for (const source of affected) setCounts(source, revokedBy(inForce, source) === null);
      const changes = refs.flushChanges();
      if (counting.size > 0) return { reason: 'granted', value: merge.value(), ...changes };
      const reason = denialOf({
        inForce,
        isAnyRevoked: standing.size > 0,
        isAnySpared: lastEnded !== null && revokedBy(inForce, lastEnded) === null,
        isStanding: (one) => standings[one] > 0,
      });
      return { reason, value: null, ...changes };
    },
  };
}

function beganAt(source: FeatureSource): number {
  return source.beganAt ?? -Infinity;
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

/** Counts sources by ref. Two items of a subscription with the same price are one source in an answer. */
function createRefCount(sources: readonly FeatureSource[]) {
  const keys = new Map(sources.map((source) => [source, refKey(source.ref)]));
  const parts = new Map<string, number>();
  /** The refs that changed after the last `flushChanges`, and whether they counted then. */
  const touched = new Map<string, { ref: SourceRef; was: boolean }>();

  function change(source: FeatureSource, by: 1 | -1): void {
    const key = keys.get(source) ?? refKey(source.ref);
    const count = parts.get(key) ?? 0;
    if (!touched.has(key)) touched.set(key, { ref: source.ref, was: count > 0 });
    parts.set(key, count + by);
  }

  return {
    add: (source: FeatureSource): void => {
      change(source, 1);
    },
    remove: (source: FeatureSource): void => {
      change(source, -1);
    },
    /** Returns the sources that entered and left after the last call. */
    flushChanges(): Pick<DecidedInterval, 'entered' | 'left'> {
      const changes: Pick<DecidedInterval, 'entered' | 'left'> = { entered: [], left: [] };
      for (const [key, { ref, was }] of touched) {
        const is = (parts.get(key) ?? 0) > 0;
        if (is !== was) changes[is ? 'entered' : 'left'].push(ref);
      }
      touched.clear();
      return changes;
    },
  };
}
