import { decide, featureCases, standingAt, type Decision, type FeatureCase } from './decision.ts';
import type { Facts, FeatureFact, FeatureValue } from './facts.ts';
import { contributionOf, firstOf, isValueOf, type FeatureSource } from './merge.ts';
import { byText } from './order.ts';
import { type AnswerReason, type Reason, sourceDenialWhys } from './reasons.ts';
import { byRef, type PlainRef, plainRef } from './segment-sources.ts';
import { sourceWindows, type RevocationWindow, type SourceWindow } from './windows.ts';

/** Why a source counts or not: a closed list, part of the HTTP contract. */
export const whys = {
  counts: 'the source counts, and determines the value or contributes to it',
  began_later:
    'the source counts: it began after the revocation in force, which revokes only sources that began earlier',
  lower_value: 'the source counts, but another source gives a higher value',
  lower_priority: 'the source counts, but the value of another source takes precedence',
  revoked: 'the source would count, but an operator revoked it later',
  blocked:
    "the source would count, but an operator's revocation with `block` revokes it, although the source began later",
  ...sourceDenialWhys,
  refunded: 'its money was returned, by refunds or a lost dispute',
  disputed: 'an open dispute suspends it',
  ended_by_operator: 'an operator ended the grant',
  no_quantity: 'its quantity is 0',
  status_unknown: 'its subscription has a status whose effect is unknown',
  value_unfit: "its value is not valid for the feature's type",
} as const;
export type Why = keyof typeof whys;

/** The rule that decides the answer: a closed list, part of the HTTP contract. */
export const rules = {
  any: 'a boolean: granted if any source counts',
  max: 'a limit: the largest value of the sources that count',
  allowances: 'a metered feature: every allowance of the sources that count',
  sum: 'a limit: the total of the sources that count',
  precedence: 'a config: a grant, then the higher rank, then the later start, then the id',
  last_word:
    "denied: the operator's latest grant or revocation in force is a revocation, and it spares no source",
  nothing_counts: 'denied: no source covers the instant',
  unknown_feature: 'denied: the project does not have the feature',
} as const;
export type Rule = keyof typeof rules;

/** A half-open window, epoch milliseconds; empty if both bounds are equal. */
interface Window {
  validFrom: number;
  /** Null if the window has no end. */
  validTo: number | null;
}

interface ExplainedSource extends Window {
  ref: PlainRef;
  /** The id of the subscription item, line item or grant. */
  partId: string;
  /** When the subscription or purchase began; null for grants. */
  beganAt: number | null;
  /**
   * The value of this source alone. A limit is multiplied by the quantity if the feature is `per_quantity`.
   */
  value: FeatureValue;
  counted: boolean;
  why: Why;
}

interface ExplainedRevocation extends Window {
  id: string;
  recordedAt: number;
  block: boolean;
  /**
   * Whether the revocation revokes a source that would otherwise count or, if no source would, causes the
   * denial.
   */
  decides: boolean;
}

export interface Explanation {
  allowed: boolean;
  reason: AnswerReason;
  /** Null if denied. */
  value: FeatureValue;
  rule: Rule;
  sources: ExplainedSource[];
  revocations: ExplainedRevocation[];
}

/**
 * Explains why a user may or may not use a feature at an instant (epoch milliseconds), with every source and
 * revocation. The sources that count are those of the answer. Removing all other sources and the revocations
 * that do not decide would not change `allowed`.
 */
export function explainAt(facts: Facts, featureCode: string, instant: number): Explanation {
  const feature = facts.features.find(({ code }) => code === featureCode);
  if (feature === undefined) {
    return {
      allowed: false,
      reason: 'feature_not_found',
      value: null,
      rule: 'unknown_feature',
      sources: [],
      revocations: [],
    };
  }
  const featureCase = caseOf(facts, feature);
  const decision = decide(featureCase, instant);
  const { reason, value } = decision;
  return {
    allowed: reason === 'granted',
    reason,
    value,
    rule: ruleOf(feature, reason),
    sources: [
      ...featureCase.sources.map((source) => explained(featureCase, decision, source, instant)),
      ...unfitSources(facts, feature),
    ].toSorted(bySource),
    revocations: featureCase.revocations
      .toSorted((a, b) => b.number - a.number)
      .map((revocation) => ({
        id: revocation.id,
        ...windowOf(revocation),
        recordedAt: revocation.recordedAt,
        block: revocation.block,
        decides: decides(decision, revocation),
      })),
  };
}

/** Orders sources as answers do, then the items of one source by id. */
function bySource(a: ExplainedSource, b: ExplainedSource): number {
  return byRef(a.ref, b.ref) || byText(a.partId, b.partId);
}

function caseOf(facts: Facts, feature: FeatureFact): FeatureCase {
  const found = featureCases(facts).find((one) => one.feature === feature);
  return found ?? { feature, sources: [], revocations: [] };
}

function ruleOf({ type, merge }: FeatureFact, reason: Reason): Rule {
  if (reason === 'revoked') return 'last_word';
  if (reason !== 'granted') return 'nothing_counts';
  switch (type) {
    case 'boolean':
      return 'any';
    case 'limit':
      return merge;
    case 'metered':
      return 'allowances';
    case 'config':
      return 'precedence';
  }
}

function explained(
  { feature }: FeatureCase,
  decision: Decision,
  source: FeatureSource,
  instant: number,
): ExplainedSource {
  const counted = decision.counting.includes(source);
  return {
    ...identityOf(source),
    value: contributionOf(feature, source),
    counted,
    why: counted ? whyCounted(feature, decision, source) : whyNot(decision, source, instant),
  };
}

/**
 * Returns whether a revocation decides: it revokes a source or, if no source is revoked, it is the last one
 * recorded among those in force.
 */
function decides({ reason, revoked, inForce }: Decision, revocation: RevocationWindow): boolean {
  return revoked.size > 0
    ? [...revoked.values()].includes(revocation)
    : reason === 'revoked' && revocation === inForce[0];
}

function whyCounted(feature: FeatureFact, decision: Decision, source: FeatureSource): Why {
  const { value, counting, inForce } = decision;
  const counts = inForce.length > 0 ? 'began_later' : 'counts';
  switch (feature.type) {
    case 'boolean':
      return counts;
    case 'metered':
      return value === 'unlimited' && source.value !== 'unlimited' ? 'lower_value' : counts;
    case 'limit':
      if (feature.merge === 'sum' && value !== 'unlimited') return counts;
      return contributionOf(feature, source) === value ? counts : 'lower_value';
    case 'config':
      return source === firstOf(counting) ? counts : 'lower_priority';
  }
}

const endings: Readonly<Record<SourceWindow['endedBy'], Why>> = {
  time: 'expired',
  refund: 'refunded',
  dispute: 'disputed',
  operator: 'ended_by_operator',
};

function whyNot({ revoked }: Decision, source: FeatureSource, instant: number): Why {
  const standing = standingAt(source, instant);
  if (standing === null) return source.quantity === 0 ? 'no_quantity' : 'status_unknown';
  if (standing === 'granted') return isBlocked(source, revoked.get(source)) ? 'blocked' : 'revoked';
  return standing === 'expired' ? endings[source.endedBy] : standing;
}

function isBlocked({ beganAt }: FeatureSource, by: RevocationWindow | undefined): boolean {
  return by !== undefined && beganAt !== null && beganAt > by.recordedAt;
}

/** Returns the sources whose value for the feature is not valid for the feature's type. */
function unfitSources(facts: Facts, feature: FeatureFact): ExplainedSource[] {
  return sourceWindows(facts).flatMap((window) => {
    const { features } = window;
    if (!Object.hasOwn(features, feature.code)) return [];
    const value = features[feature.code] ?? null;
    if (isValueOf(feature.type, value)) return [];
    return { ...identityOf(window), value, counted: false, why: 'value_unfit' as const };
  });
}

/**
 * Returns the identity of a source, with the window from the first to the last instant at which the source
 * gives access. The window is empty if there is no such instant.
 */
function identityOf(
  source: SourceWindow,
): Window & Pick<ExplainedSource, 'ref' | 'partId' | 'beganAt'> {
  const { partId, startAt, beganAt } = source;
  const ref = plainRef(source.ref);
  const granted = source.lifecycle.filter(({ standing }) => standing === 'granted');
  const from = granted[0]?.from ?? startAt;
  return { ref, partId, beganAt, ...windowOf({ from, to: granted.at(-1)?.to ?? from }) };
}

function windowOf({ from, to }: Pick<RevocationWindow, 'from' | 'to'>): Window {
  return { validFrom: from, validTo: to === Infinity ? null : Math.max(from, to) };
}
