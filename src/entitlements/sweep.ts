import { denialOf, inForceOf, isOver, takenBy, type FeatureCase } from './decision.ts';
import type { FeatureValue, Reason, SourceRef } from './facts.ts';
import { createFirstOf } from './first-of.ts';
import { isGrant, type FeatureSource } from './merge.ts';
import { createRunningMerge } from './running-merge.ts';
import type { Standing } from './stretches.ts';
import type { RevocationWindow } from './windows.ts';

/** What holds for a feature from one bound of a window to the next, in steps from the piece before. */
export interface Piece {
  from: number;
  /** Exclusive; where the next piece begins. */
  to: number;
  reason: Reason;
  /** Null where not allowed. */
  value: FeatureValue;
  /** The sources that count here and did not before. */
  entered: SourceRef[];
  /** The sources that counted before and do not here. */
  left: SourceRef[];
}

/** What happens at a bound. */
interface Turn {
  sources: { source: FeatureSource; before: Standing | null; after: Standing }[];
  begun: RevocationWindow[];
  over: RevocationWindow[];
}

/**
 * Decides one feature over all of time, from bound to bound: the same as `decide` at each. The answer can
 * change at the bounds of windows only; before the first and after the last, nothing bears on the
 * feature. What a bound costs is what changes at it, not all that there is: a user's thousandth source
 * costs as much as the tenth.
 */
export function* sweep(featureCase: FeatureCase): Generator<Piece> {
  const state = createState(featureCase);
  const turns = [...turnsOf(featureCase)].toSorted(([a], [b]) => a - b);
  for (const [index, [from, turn]] of turns.entries()) {
    const to = turns[index + 1]?.[0];
    if (to === undefined) break;
    yield { from, to, ...state.take(turn) };
  }
}

/** By instant; ±Infinity where a window is open. */
function turnsOf({ sources, revocations }: FeatureCase): Map<number, Turn> {
  const turns = new Map<number, Turn>();
  const at = (instant: number): Turn => {
    const turn = turns.get(instant) ?? { sources: [], begun: [], over: [] };
    turns.set(instant, turn);
    return turn;
  };
  for (const source of sources) {
    let before: Standing | null = null;
    for (const { standing, from, to } of source.stretches) {
      at(from).sources.push({ source, before, after: standing });
      before = standing;
      at(to); // A bound, whether or not anything follows.
    }
  }
  for (const revocation of revocations) {
    if (revocation.from >= revocation.to) continue;
    at(revocation.from).begun.push(revocation);
    at(revocation.to).over.push(revocation);
  }
  return turns;
}

function createState({ feature, sources }: FeatureCase) {
  const standings: Record<Standing, number> = {
    granted: 0,
    payment_overdue: 0,
    not_yet_valid: 0,
    expired: 0,
  };
  /** Those that cover the instant; they count unless a revocation takes them. */
  const standing = new Set<FeatureSource>();
  const counting = new Set<FeatureSource>();
  const merge = createRunningMerge(feature, sources);
  const refs = createRefCount(sources);
  const grants = createFirstOf(
    sources.filter(isGrant).toSorted((a, b) => b.grantNumber - a.grantNumber),
  );
  const covering = new Set<RevocationWindow>();
  let inForce: RevocationWindow[] = [];
  let lastGrant = -Infinity;
  /** Of those that are over the one that began last: if any is left by the revocations, it is. */
  let lastOver: FeatureSource | null = null;

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

  function turnSource({ source, before, after }: Turn['sources'][number]): void {
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
    // What is over stays over.
    if (isOver(after) && (lastOver === null || beganAt(source) > beganAt(lastOver))) {
      lastOver = source;
    }
  }

  return {
    take(turn: Turn): Omit<Piece, 'from' | 'to'> {
      for (const one of turn.sources) turnSource(one);
      for (const revocation of turn.over) covering.delete(revocation);
      for (const revocation of turn.begun) covering.add(revocation);
      const before = inForce;
      const grant = grants.first()?.grantNumber ?? -Infinity;
      if (grant !== lastGrant || turn.begun.length + turn.over.length > 0) {
        inForce = inForceOf([...covering], grant);
        lastGrant = grant;
      }
      // Where what is in force has changed, anything may count that did not, and the other way round.
      const inQuestion = isSameList(before, inForce)
        ? turn.sources.map(({ source }) => source).filter((source) => standing.has(source))
        : standing;
      for (const source of inQuestion) setCounts(source, takenBy(inForce, source) === null);
      const changes = refs.takeChanges();
      if (counting.size > 0) return { reason: 'granted', value: merge.value(), ...changes };
      const reason = denialOf({
        inForce,
        isAnyTaken: standing.size > 0,
        isAnyLeft: lastOver !== null && takenBy(inForce, lastOver) === null,
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

/** Names each source that counts once: two items of a subscription may have one price. */
function createRefCount(sources: readonly FeatureSource[]) {
  const keys = new Map(sources.map((source) => [source, refKey(source.ref)]));
  const parts = new Map<string, number>();
  /** Whether it counted before the changes that were not taken yet. */
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
    /** What came and what went since the last call. */
    takeChanges(): Pick<Piece, 'entered' | 'left'> {
      const changes: Pick<Piece, 'entered' | 'left'> = { entered: [], left: [] };
      for (const [key, { ref, was }] of touched) {
        const is = (parts.get(key) ?? 0) > 0;
        if (is !== was) changes[is ? 'entered' : 'left'].push(ref);
      }
      touched.clear();
      return changes;
    },
  };
}

/** The same for the same source. */
export function refKey({ type, id, price_id: priceId }: SourceRef): string {
  return `${type} ${id} ${priceId ?? ''}`;
}
