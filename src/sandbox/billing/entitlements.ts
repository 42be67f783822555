import { record } from '../state/events.ts';
import { nested, subscriptionItems } from '../state/render.ts';
import type { World } from '../state/world.ts';
import { toJson, type JsonObject } from '../wire.ts';

const entitling = new Set(['active', 'trialing', 'past_due']);

/** Returns the ids of the features that a customer's subscriptions grant under Stripe's rules. */
export function activeFeatures(world: World, customerId: string): string[] {
  const products = new Set(
    world.tables.subscriptions
      .where('customer', customerId)
      .filter(({ status }) => entitling.has(status))
      .flatMap(({ id }) => subscriptionItems(world.tables, id))
      .map((item) => world.tables.prices.get(item.price)?.product),
  );
  const features = [...products].flatMap((product) =>
    world.tables.productFeatures.where('product', product).map(({ feature }) => feature),
  );
  return [...new Set(features)].sort();
}

export function activeEntitlement(
  world: World,
  customerId: string,
  featureId: string,
): JsonObject & { id: string } {
  return {
    id: `ent_${customerId.slice(4)}_${featureId.slice(5)}`,
    object: 'entitlements.active_entitlement',
    feature: featureId,
    livemode: false,
    lookup_key: world.tables.features.get(featureId)?.lookup_key ?? '',
  };
}

/** Sends a customer's entitlement summary if it differs from the last one sent. */
export function refreshEntitlements(world: World, customerId: string): void {
  const before = world.tables.entitlementSummaries.get(customerId)?.features ?? [];
  const features = activeFeatures(world, customerId);
  if (before.join() === features.join()) {
    return;
  }
  world.tables.entitlementSummaries.set(customerId, {
    id: customerId,
    object: 'sandbox.entitlement_summary',
    features,
  });
  record(
    world,
    'entitlements.active_entitlement_summary.updated',
    toJson({
      object: 'entitlements.active_entitlement_summary',
      customer: customerId,
      entitlements: summaryList(world, customerId, features),
      livemode: false,
    }),
    toJson({ entitlements: summaryList(world, customerId, before) }),
  );
}

function summaryList(world: World, customerId: string, features: readonly string[]): object {
  return nested(
    features.map((feature) => activeEntitlement(world, customerId, feature)),
    `/v1/customer/${customerId}/entitlements`,
  );
}
