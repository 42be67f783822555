/*
 * A second implementation of the rules, slow and literal: the decision for one feature at one instant. It
 * shares no code with the service and knows no bounds. It plays repeated purchases on a clock, and at each
 * step advances those whose turn it is.
 */
import type {
  Facts,
  FeatureFact,
  FeatureValue,
  PurchaseFact,
  SourceRef,
  SubscriptionFact,
  SubscriptionItemFact,
} from '../../../src/entitlements/core/facts.ts';
import type { Reason } from '../../../src/entitlements/core/reasons.ts';
import type { PolicyFact } from '../../../src/entitlements/policy.ts';

export interface OracleAnswer {
  reason: Reason;
  value: FeatureValue;
  sources: SourceRef[];
}

interface Claim {
  ref: SourceRef;
  part: string;
  /** When it was bought or subscribed to; null for what an operator gave. */
  acquiredAt: number | null;
  value: FeatureValue | undefined;
  quantity: number;
  rank: number;
  startAt: number;
  says: Reason;
}

const dayMs = 24 * 60 * 60 * 1000;

export function oracleAt(facts: Facts, feature: FeatureFact, t: number): OracleAnswer {
  const claims = [
    ...subscriptionClaims(facts, feature, t),
    ...purchaseClaims(facts, feature, t),
    ...grantClaims(facts, feature, t),
  ].filter(({ value }) => value !== undefined);

  const words = [
    ...facts.grants.map((grant) => ({ ...grant, end: grant.endedAt, takes: null })),
    ...facts.revocations.map((revocation) => ({
      ...revocation,
      end: revocation.liftedAt,
      takes: { until: revocation.block ? Infinity : revocation.recordedAt },
    })),
  ]
    .filter(({ featureCode }) => featureCode === feature.code)
    .filter(({ end, ...word }) => isSaid(word, end, t))
    .sort((a, b) => b.number - a.number);

  // Back from the last word to the last grant: each revocation on the way takes its part.
  let left = claims;
  for (const { takes } of words) {
    if (takes === null) break;
    left = left.filter(({ acquiredAt }) => acquiredAt !== null && acquiredAt > takes.until);
  }
  const counting = left.filter(({ says }) => says === 'granted');
  if (words[0] !== undefined && words[0].takes !== null && counting.length === 0) {
    const wouldCount = claims.some(({ says }) => says === 'granted');
    const hasLapsed = left.some(({ says }) => says === 'expired' || says === 'payment_overdue');
    if (wouldCount || !hasLapsed) return { reason: 'revoked', value: null, sources: [] };
  }
  if (counting.length > 0) {
    return { reason: 'granted', value: merged(feature, counting), sources: named(counting) };
  }
  for (const reason of ['payment_overdue', 'not_yet_valid', 'expired'] as const) {
    if (claims.some(({ says }) => says === reason)) return { reason, value: null, sources: [] };
  }
  return { reason: 'no_source', value: null, sources: [] };
}

function subscriptionClaims(facts: Facts, feature: FeatureFact, t: number): Claim[] {
  const claims: Claim[] = [];
  for (const subscription of facts.subscriptions) {
    for (const item of subscription.items) {
      claims.push({
        ref: { type: 'subscription', id: subscription.id, price_id: item.priceId },
        part: item.id,
        acquiredAt: Math.max(subscription.startDate, item.createdAt),
        value: facts.carries[item.priceId]?.features[feature.code],
        quantity: item.quantity ?? 1,
        rank: facts.carries[item.priceId]?.rank ?? 0,
        startAt: Math.max(subscription.startDate, item.createdAt),
        says: subscriptionSays(subscription, item, facts.policy, t),
      });
    }
  }
  return claims;
}

function subscriptionSays(
  subscription: SubscriptionFact,
  item: SubscriptionItemFact,
  policy: PolicyFact,
  t: number,
): Reason {
  const { status, startDate, endedAt, cancelAt, canceledAt, pausedAt, dunningAnchorAt } =
    subscription;
  if (item.quantity === 0) return 'no_source';
  const started = t >= startDate && t >= item.createdAt;
  if (status === 'incomplete_expired') return 'expired';
  if (status === 'canceled') {
    const end = endedAt ?? canceledAt;
    if (end === null || t >= end) return 'expired';
    return started ? 'granted' : 'not_yet_valid';
  }

  let end: number | null = null;
  if (subscription.cancelAtPeriodEnd) {
    for (const { currentPeriodEnd } of subscription.items) {
      if (end === null || currentPeriodEnd < end) end = currentPeriodEnd;
    }
  }
  end = endedAt ?? cancelAt ?? end;

  let paid: boolean;
  if (status === 'active' || status === 'trialing') paid = true;
  else if (status === 'past_due')
    paid = dunningAnchorAt === null || t < dunningAnchorAt + policy.graceDays * dayMs;
  else if (status === 'unpaid') paid = dunningAnchorAt !== null && t < dunningAnchorAt;
  else if (status === 'paused') paid = pausedAt !== null && t < pausedAt;
  else if (status === 'incomplete') paid = false;
  else return 'no_source';

  if (end !== null && t >= end) return 'expired';
  if (!started) return 'not_yet_valid';
  return paid ? 'granted' : 'payment_overdue';
}

/** Whether a word of the operator holds at an instant; `end` = where one took it back. */
function isSaid(
  { validFrom, validTo }: { validFrom: number; validTo: number | null },
  end: number | null,
  t: number,
): boolean {
  if (t < validFrom) return false;
  if (validTo !== null && t >= validTo) return false;
  return end === null || t < end;
}

/** When a purchase ran, and when its days were used up; null = they never are. */
interface Course {
  ran: { from: number; to: number }[];
  usedUpAt: number | null;
}

function purchaseClaims(facts: Facts, feature: FeatureFact, t: number): Claim[] {
  const claims: Claim[] = [];
  for (const [priceId, carry] of Object.entries(facts.carries)) {
    const courses = coursesOf(facts, feature, priceId);
    for (const [purchase, { ran, usedUpAt }] of courses) {
      const backAt = moneyBackAt(purchase, facts.policy);
      let says: Reason = 'not_yet_valid';
      if (ran.some(({ from, to }) => t >= from && t < to)) says = 'granted';
      else if (usedUpAt !== null && t >= usedUpAt) says = 'expired';
      else if (backAt !== null && t >= backAt) says = 'expired';
      claims.push({
        ref: { type: 'purchase', id: purchase.id, price_id: priceId },
        part: purchase.id,
        acquiredAt: purchase.purchasedAt,
        value: carry.features[feature.code],
        quantity: purchase.quantity,
        rank: carry.rank,
        startAt: ran[0]?.from ?? 0,
        says,
      });
    }
  }
  return claims;
}

function newCourse(): Course {
  return { ran: [], usedUpAt: null };
}

const coursesByFacts = new WeakMap<Facts, Map<string, Map<PurchaseFact, Course>>>();

/** The same facts are asked about many instants, and played through once. */
function coursesOf(facts: Facts, feature: FeatureFact, priceId: string) {
  const known = coursesByFacts.get(facts) ?? new Map<string, Map<PurchaseFact, Course>>();
  coursesByFacts.set(facts, known);
  const key = `${feature.code} ${priceId}`;
  const courses = known.get(key) ?? playThrough(facts, feature, priceId);
  known.set(key, courses);
  return courses;
}

/**
 * Advances from one stop of the clock to the next: a purchase runs while it has days left and no purchase in
 * front of it runs, except for those that the operator had set aside before it was made.
 */
function playThrough(
  facts: Facts,
  feature: FeatureFact,
  priceId: string,
): Map<PurchaseFact, Course> {
  const { policy, carries } = facts;
  const accessDays = carries[priceId]?.accessDays ?? null;
  const queue = facts.purchases
    .filter((purchase) => purchase.priceId === priceId && purchase.quantity !== 0)
    .map((purchase) => ({
      purchase,
      backAt: moneyBackAt(purchase, policy) ?? Infinity,
      left: accessDays === null ? Infinity : accessDays * dayMs,
      course: newCourse(),
    }))
    .sort(({ purchase: a }, { purchase: b }) =>
      a.purchasedAt === b.purchasedAt ? (a.id < b.id ? -1 : 1) : a.purchasedAt - b.purchasedAt,
    );
  const stops = [
    ...queue.flatMap(({ purchase, backAt }) => [purchase.purchasedAt, backAt]),
    ...facts.revocations.flatMap((one) => [one.validFrom, one.validTo, one.liftedAt]),
    ...facts.grants.flatMap((one) => [one.validFrom, one.validTo, one.endedAt]),
  ].filter((stop) => stop !== null);

  let now = Math.min(...stops);
  while (now < Infinity) {
    const running: typeof queue = [];
    for (const one of queue) {
      const { purchase, backAt, left } = one;
      if (left === 0 || now < purchase.purchasedAt || now >= backAt) continue;
      const waits = running.some(
        ({ purchase: front }) => !isSetAside(facts, feature, front, purchase, now),
      );
      if (accessDays === null || feature.type === 'metered' || !waits) running.push(one);
    }
    const next = Math.min(
      ...stops.filter((stop) => stop > now),
      ...running.map(({ left }) => now + left),
    );
    for (const one of running) {
      one.course.ran.push({ from: now, to: next });
      one.left -= next - now;
      if (one.left === 0) one.course.usedUpAt = next;
    }
    now = next;
  }
  return new Map(queue.map(({ purchase, course }) => [purchase, course]));
}

/** Whether a plain revocation that was recorded between two purchases takes the one in front now. */
function isSetAside(
  { revocations, grants }: Facts,
  { code }: FeatureFact,
  front: PurchaseFact,
  behind: PurchaseFact,
  now: number,
): boolean {
  return revocations.some(
    (word) =>
      word.featureCode === code &&
      !word.block &&
      front.purchasedAt <= word.recordedAt &&
      word.recordedAt < behind.purchasedAt &&
      isSaid(word, word.liftedAt, now) &&
      !grants.some(
        (grant) =>
          grant.featureCode === code &&
          grant.number > word.number &&
          isSaid(grant, grant.endedAt, now),
      ),
  );
}

function moneyBackAt(purchase: PurchaseFact, policy: PolicyFact): number | null {
  const back = [
    ...purchase.refunds.filter(({ status }) => status !== 'failed' && status !== 'canceled'),
    ...purchase.disputes.filter(({ status }) => status === 'lost'),
  ].filter(({ amount }) => amount > 0);
  const instants = [...new Set(back.map(({ createdAt }) => createdAt))].sort((a, b) => a - b);
  const backBy = (instant: number) =>
    back
      .filter(({ createdAt }) => createdAt <= instant)
      .reduce((sum, { amount }) => sum + amount, 0);
  const isWhole = (amount: number) =>
    amount > 0 &&
    (amount >= purchase.paymentAmount ||
      (purchase.ofInvoice && purchase.amount > 0 && amount >= purchase.amount));

  const ends: number[] = [];
  if (policy.refundFull === 'revoke') {
    const completedAt = instants.find((instant) => isWhole(backBy(instant)));
    if (completedAt !== undefined) ends.push(completedAt);
  }
  if (policy.refundPartial === 'revoke') {
    for (const { amount, createdAt } of back) if (!isWhole(amount)) ends.push(createdAt);
  }
  if (policy.disputeOpened === 'suspend') {
    for (const { status, createdAt } of purchase.disputes) {
      if (!['lost', 'won', 'warning_closed', 'prevented'].includes(status)) ends.push(createdAt);
    }
  }
  return ends.length === 0 ? null : Math.min(...ends);
}

function grantClaims(facts: Facts, feature: FeatureFact, t: number): Claim[] {
  return facts.grants
    .filter(({ featureCode }) => featureCode === feature.code)
    .map((grant) => {
      const isOver =
        (grant.validTo !== null && t >= grant.validTo) ||
        (grant.endedAt !== null && t >= grant.endedAt);
      return {
        ref: { type: 'grant', id: grant.id },
        part: grant.id,
        acquiredAt: null,
        value: grant.value,
        quantity: 1,
        rank: 0,
        startAt: grant.validFrom,
        says: isOver ? 'expired' : t < grant.validFrom ? 'not_yet_valid' : 'granted',
      };
    });
}

function merged(feature: FeatureFact, counting: Claim[]): FeatureValue {
  if (feature.type === 'boolean') return true;
  if (feature.type === 'limit') {
    let total = 0;
    let largest = 0;
    for (const { value, quantity } of counting) {
      if (value === 'unlimited') return 'unlimited';
      const times = Number(value) * (feature.perQuantity ? quantity : 1);
      total += times;
      if (times > largest) largest = times;
    }
    return feature.merge === 'sum' ? total : largest;
  }
  if (feature.type === 'metered') {
    if (counting.some(({ value }) => value === 'unlimited')) return 'unlimited';
    const key = ({ ref, part }: Claim) => `${ref.type} ${ref.id} ${ref.price_id ?? ''} ${part}`;
    const inOrder = [...counting].sort((a, b) => (key(a) < key(b) ? -1 : 1));
    return { allowances: inOrder.map((claim) => allowance(feature, claim)) };
  }
  let best: Claim | null = null;
  for (const claim of counting) if (best === null || goesBefore(claim, best)) best = claim;
  return best?.value ?? null;
}

function allowance(feature: FeatureFact, { value, quantity, ref }: Claim): FeatureValue {
  const { amount, every } = value as { amount: number; every?: string }; // no other value is left
  const source = ref.price_id === undefined ? {} : { price_id: ref.price_id };
  return {
    amount: amount * (feature.perQuantity ? quantity : 1),
    every: every ?? null,
    source: { type: ref.type, id: ref.id, ...source },
  };
}

function goesBefore(a: Claim, b: Claim): boolean {
  if ((a.ref.type === 'grant') !== (b.ref.type === 'grant')) return a.ref.type === 'grant';
  if (a.rank !== b.rank) return a.rank > b.rank;
  if (a.startAt !== b.startAt) return a.startAt > b.startAt;
  return a.ref.id === b.ref.id ? a.part < b.part : a.ref.id < b.ref.id;
}

function named(counting: Claim[]): SourceRef[] {
  const byName = new Map(
    counting.map(({ ref }) => [`${ref.type} ${ref.id} ${ref.price_id ?? ''}`, ref]),
  );
  return [...byName.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ref]) => ref);
}
