import { isDeepStrictEqual } from 'node:util';
import { decide, featureCases } from '../../entitlements/core/decision.ts';
import type {
  CarryFact,
  CatalogFacts,
  FeatureValue,
  UserFacts,
} from '../../entitlements/core/facts.ts';

/*
 * The impact of a catalog change on users. Pure.
 */

/** The difference between two states of a catalog. */
export interface CatalogDifference {
  /** The features whose value may differ. */
  featureCodes: Set<string>;
  /** The limits among them; only limits can be raised or lowered. */
  limits: Set<string>;
  /** The prices that carry one of these features. */
  priceIds: string[];
}

/** A user's value of a feature before and after the change. */
interface ValueChange {
  user_id: string;
  feature_code: string;
  from: FeatureValue;
  to: FeatureValue;
}

/** The impact of a catalog change on users, as of one instant. */
export interface Impact {
  gains: { user_id: string; feature_code: string }[];
  losses: { user_id: string; feature_code: string }[];
  /** Limits with a larger value, and with a smaller one. */
  raised: ValueChange[];
  lowered: ValueChange[];
  /** Configs with another value; they have no order. */
  changed: ValueChange[];
  /** Numbers of all entries, listed or not; `users` is the number of the project's users. */
  counts: Record<'users' | 'gains' | 'losses' | 'raised' | 'lowered' | 'changed', number>;
}

const maxListed = 1_000;

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

/** Compares two states of a catalog. A rename is not a difference. */
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

/** Returns the features of a price that may differ: all that it carries if its rank or days change. */
function differingCodes(before: CarryFact | undefined, after: CarryFact | undefined): string[] {
  const codes = new Set([before, after].flatMap((carry) => Object.keys(carry?.features ?? {})));
  const isSame = before?.rank === after?.rank && before?.accessDays === after?.accessDays;
  return [...codes].filter(
    (code) => !isSame || !isDeepStrictEqual(before?.features[code], after?.features[code]),
  );
}

/** Returns what a user may use of the differing features at an instant, under one catalog: code → value. */
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

/** Adds one user's changes to an impact. */
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

/** Returns whether one value of a limit is above another; each is an integer or unlimited. */
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
  if (list.length < maxListed) list.push(entry);
}
