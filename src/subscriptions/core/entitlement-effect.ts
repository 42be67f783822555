import { isDeepStrictEqual } from 'node:util';
import { answerAt } from '../../entitlements/core/answer.ts';
import { compute } from '../../entitlements/core/compute.ts';
import type { Facts, FeatureValue, SubscriptionItemFact } from '../../entitlements/core/facts.ts';
import { byText } from '../../entitlements/core/order.ts';
import type { ItemStep } from './target-items.ts';

/** What a user gains and loses through a change. */
export interface EntitlementEffect {
  /** Feature codes, sorted. */
  gained: string[];
  lost: string[];
  changed: { feature_code: string; from: FeatureValue; to: FeatureValue }[];
}

interface PlannedChange {
  subscriptionId: string;
  steps: readonly ItemStep[];
  /** Whether a new billing period begins with the change. */
  restarts: boolean;
  /** When the change takes effect, epoch milliseconds. */
  at: number;
}

/**
 * Compares what a user may use at the instant of a change without it and with it. Both come from `compute`, so
 * the result is what a read shows once the change was made.
 */
export function entitlementEffect(facts: Facts, change: PlannedChange): EntitlementEffect {
  const before = valuesAt(facts, change.at);
  const after = valuesAt(factsAfter(facts, change), change.at);
  const codes = [...new Set([...before.keys(), ...after.keys()])].toSorted(byText);
  return {
    gained: codes.filter((code) => !before.has(code)),
    lost: codes.filter((code) => !after.has(code)),
    changed: codes.flatMap((code) => {
      const from = before.get(code);
      const to = after.get(code);
      const differs = from !== undefined && to !== undefined && !isDeepStrictEqual(from, to);
      return differs ? [{ feature_code: code, from, to }] : [];
    }),
  };
}

/** Returns the facts as they are once Stripe has made the change. */
function factsAfter(facts: Facts, { subscriptionId, steps, restarts, at }: PlannedChange): Facts {
  return {
    ...facts,
    subscriptions: facts.subscriptions.map((subscription) =>
      subscription.id === subscriptionId
        ? {
            ...subscription,
            billingCycleAnchor: restarts ? inSeconds(at) : subscription.billingCycleAnchor,
            items: itemsAfter(subscription.items, steps, at),
          }
        : subscription,
    ),
  };
}

function itemsAfter(
  items: readonly SubscriptionItemFact[],
  steps: readonly ItemStep[],
  at: number,
): SubscriptionItemFact[] {
  const known = new Map(items.map((item) => [item.id, item]));
  return steps.flatMap(({ current, target }, index) => {
    if (target === null) return [];
    const { priceId, productId, quantity } = target;
    const item = known.get(current?.id ?? '') ?? {
      id: `new ${index}`,
      createdAt: inSeconds(at),
      currentPeriodEnd: Math.min(...items.map(({ currentPeriodEnd }) => currentPeriodEnd)),
    };
    return [{ ...item, priceId, productId, quantity }];
  });
}

/** Stripe's timestamps are whole seconds. */
function inSeconds(instant: number): number {
  return Math.floor(instant / 1_000) * 1_000;
}

function valuesAt(facts: Facts, instant: number): Map<string, FeatureValue> {
  const { body } = answerAt({ projectId: '', userId: '', revision: 0 }, compute(facts), instant);
  return new Map(body.entitlements.map(({ feature_code: code, value }) => [code, value]));
}
