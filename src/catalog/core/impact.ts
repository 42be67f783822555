import { isDeepStrictEqual } from 'node:util';
import { decide, featureCases } from '../../entitlements/core/decision.ts';
import type {
  CarryFact,
  CatalogFacts,
  FeatureValue,
  UserFacts,
} from '../../entitlements/core/facts.ts';
import type { Impact } from '../schemas.ts';

/* Computes the impact of a catalog change on users. Pure. */

/** The differences between two states of a catalog. */
export interface CatalogDifference {
  /** The codes of the features whose values may differ. */
  featureCodes: Set<string>;
  /** Which of these codes are limits. Only limits can be raised or lowered. */
  limits: Set<string>;
  /** The prices that include one of these features. */
  priceIds: string[];
}

const maxListed = 1_000;

/** Returns the impact of a change that affects no user. */
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

/** Returns the features with values that may differ: all features of the price if its rank or days change. */
function differingCodes(before: CarryFact | undefined, after: CarryFact | undefined): string[] {
  const codes = new Set([before, after].flatMap((carry) => Object.keys(carry?.features ?? {})));
  const isSame = before?.rank === after?.rank && before?.accessDays === after?.accessDays;
  return [...codes].filter(
    (code) => !isSame || !isDeepStrictEqual(before?.features[code], after?.features[code]),
  );
}

/** Returns the values that a user may use at an instant, by code. Only differing features are included. */
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
      const kind = limits.has(code) ? (isHigher(to, from) ? 'raised' : 'lowered') : 'changed';
      add(impact, kind, { ...named, from, to });
    }
  }
}

/** Returns whether one limit value is higher than another. Each is an integer or unlimited. */
function isHigher(one: FeatureValue, other: FeatureValue): boolean {
  return other !== 'unlimited' && (one === 'unlimited' || Number(one) > Number(other));
}

function add<Kind extends Exclude<keyof Impact, 'counts'>>(
  impact: Impact,
  kind: Kind,
  entry: Impact[Kind][number],
): void {
  impact.counts[kind] += 1;
  const list: Impact[Kind][number][] = impact[kind];
  if (list.length < maxListed) list.push(entry);
}
