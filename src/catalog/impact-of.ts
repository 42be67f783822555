import { isDeepStrictEqual } from 'node:util';
import { decide, featureCases } from '../entitlements/decision.ts';
import type { CarryFact, CatalogFacts, FeatureValue, UserFacts } from '../entitlements/facts.ts';

/*
 * What a change of the catalog does to users. Pure.
 */

/** What differs between two states of a catalog. */
export interface CatalogDifference {
  /** Of features that may come out differently. */
  featureCodes: Set<string>;
  /** Of those, the limits: one value of a limit is more than another. */
  limits: Set<string>;
  /** Of prices that carry one of the features. */
  priceIds: string[];
}

/** A value that a user has for a feature, before and after. */
interface ValueChange {
  user_id: string;
  feature_code: string;
  from: FeatureValue;
  to: FeatureValue;
}

/** What a change of the catalog would do to users, as of one instant. */
export interface Impact {
  gains: { user_id: string; feature_code: string }[];
  losses: { user_id: string; feature_code: string }[];
  /** Limits that would be more, and less. */
  raised: ValueChange[];
  lowered: ValueChange[];
  /** Configs with another value: none is more than another. */
  changed: ValueChange[];
  /** Of all, listed or not; `users` is how many the project has. */
  counts: Record<'users' | 'gains' | 'losses' | 'raised' | 'lowered' | 'changed', number>;
}

const listedAtMost = 1_000;

export function emptyImpact(users: number): Impact {
  return {
    gains: [],
    losses: [],
    raised: [],
    lowered: [],
    changed: [],
    counts: { users, gains: 0, losses: 0, raised: 0, lowered: 0, changed: 0 },
  };
}

/** Compares two states of a catalog. A rename differs in nothing. */
export function catalogDifference(before: CatalogFacts, after: CatalogFacts): CatalogDifference {
  const [was, is] = [before, after].map(
    ({ features }) => new Map(features.map((feature) => [feature.code, feature])),
  );
  const carried = [before, after].flatMap(({ carries }) => Object.values(carries));
  const featureCodes = new Set([
    ...[...before.features, ...after.features]
      .map(({ code }) => code)
      .filter((code) => !isDeepStrictEqual(was?.get(code), is?.get(code))),
    ...carried.flatMap(({ priceId }) =>
      differingCodes(before.carries[priceId], after.carries[priceId]),
    ),
  ]);
  const isLimit = (code: string) => [was, is].every((all) => all?.get(code)?.type === 'limit');
  const carriesAny = ({ features }: CarryFact) =>
    Object.keys(features).some((code) => featureCodes.has(code));
  return {
    featureCodes,
    limits: new Set([...featureCodes].filter(isLimit)),
    priceIds: [...new Set(carried.filter(carriesAny).map(({ priceId }) => priceId))],
  };
}

/** Of a price: another rank or other days bear on all that it carries. */
function differingCodes(before: CarryFact | undefined, after: CarryFact | undefined): string[] {
  const codes = new Set([before, after].flatMap((carry) => Object.keys(carry?.features ?? {})));
  const isSame = before?.rank === after?.rank && before?.accessDays === after?.accessDays;
  return [...codes].filter(
    (code) => !isSame || !isDeepStrictEqual(before?.features[code], after?.features[code]),
  );
}

/** What a user may use of these features at an instant, under a catalog: feature code → value. */
export function valuesAt(
  facts: UserFacts,
  { policy, features, carries }: CatalogFacts,
  { featureCodes }: CatalogDifference,
  instant: number,
): Map<string, FeatureValue> {
  const relevant = features.filter(({ code }) => featureCodes.has(code));
  return new Map(
    featureCases({ ...facts, policy, carries, features: relevant }).flatMap((one) => {
      const { reason, value } = decide(one, instant);
      return reason === 'granted' ? [[one.feature.code, value] as const] : [];
    }),
  );
}

/** Adds what changes for one user. */
export function addUser(
  impact: Impact,
  { limits }: CatalogDifference,
  userId: string,
  before: ReadonlyMap<string, FeatureValue>,
  after: ReadonlyMap<string, FeatureValue>,
): void {
  for (const code of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const named = { user_id: userId, feature_code: code };
    const from = before.get(code);
    const to = after.get(code);
    if (from === undefined) add(impact, 'gains', named);
    else if (to === undefined) add(impact, 'losses', named);
    else if (!isDeepStrictEqual(from, to)) {
      const kind = limits.has(code) ? (isMore(to, from) ? 'raised' : 'lowered') : 'changed';
      add(impact, kind, { ...named, from, to });
    }
  }
}

/** Of two values of a limit, each an integer or unlimited. */
function isMore(one: FeatureValue, other: FeatureValue): boolean {
  return other !== 'unlimited' && (one === 'unlimited' || Number(one) > Number(other));
}

function add<Kind extends 'gains' | 'losses' | 'raised' | 'lowered' | 'changed'>(
  impact: Impact,
  kind: Kind,
  entry: Impact[Kind][number],
): void {
  impact.counts[kind] += 1;
  const list: Impact[Kind][number][] = impact[kind];
  if (list.length < listedAtMost) list.push(entry);
}
