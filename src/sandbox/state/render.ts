import { toJson, type JsonObject, type WireList } from '../wire.ts';
import type {
  Entity,
  InvoiceLine,
  Price,
  SessionLine,
  Subscription,
  SubscriptionItem,
  Tables,
} from './tables.ts';

/** Maximum number of entries in a nested list. */
export const nestedListLength = 10;

/** Returns an object as Stripe sends it without expansion. */
export function render(tables: Tables, entity: Entity): JsonObject {
  if (entity.object === 'subscription') {
    const items = subscriptionItems(tables, entity.id).map((item) => renderItem(tables, item));
    const url = `/v1/subscription_items?subscription=${entity.id}`;
    const pending = entity.pending_update;
    return toJson({
      ...entity,
      pending_update: pending === null ? null : renderPending(tables, pending),
      items: nested(items, url),
    });
  }
  if (entity.object === 'subscription_item') {
    return renderItem(tables, entity);
  }
  if (entity.object === 'invoice') {
    const url = `/v1/invoices/${entity.id}/lines`;
    return toJson({ ...entity, lines: nested(invoiceLines(tables, entity.id), url) });
  }
  if (entity.object === 'item') {
    return renderSessionLine(tables, entity);
  }
  if (entity.object === 'price') {
    // `currency_options` is absent unless expanded.
    return toJson({ ...entity, currency_options: undefined });
  }
  if (entity.object === 'product_feature') {
    const entitlementFeature = tables.features.get(entity.feature);
    return toJson({
      ...entity,
      product: undefined,
      feature: undefined,
      entitlement_feature: entitlementFeature,
    });
  }
  if (entity.object === 'webhook_endpoint') {
    // The secret is returned only once, in the response that creates the endpoint.
    return toJson({ ...entity, secret: undefined, thin: undefined });
  }
  return toJson(entity);
}

/** Returns a list object with the first entries. */
export function nested<T>(all: readonly T[], url: string): WireList<T> {
  return {
    object: 'list',
    data: all.slice(0, nestedListLength),
    has_more: all.length > nestedListLength,
    url,
  };
}

/** Returns a subscription's items in order of creation. */
export function subscriptionItems(tables: Tables, subscriptionId: string): SubscriptionItem[] {
  return tables.subscriptionItems.where('subscription', subscriptionId);
}

/** Returns an invoice's lines in order of creation. */
export function invoiceLines(tables: Tables, invoiceId: string): InvoiceLine[] {
  return tables.invoiceLines.where('invoice', invoiceId);
}

/** Returns a session's lines in the order of its parameters. */
export function sessionLines(tables: Tables, sessionId: string): SessionLine[] {
  return tables.sessionLines.where('session', sessionId);
}

function renderPending(
  tables: Tables,
  pending: NonNullable<Subscription['pending_update']>,
): object {
  const items = pending.subscription_items.map((item) => renderItem(tables, item));
  return { ...pending, subscription_items: items };
}

function renderItem(tables: Tables, item: SubscriptionItem): JsonObject {
  const price = tables.prices.get(item.price);
  return toJson({
    ...item,
    price: price === undefined ? undefined : render(tables, price),
    plan: price === undefined ? undefined : planOf(price),
  });
}

function renderSessionLine(tables: Tables, line: SessionLine): JsonObject {
  const price = tables.prices.get(line.price);
  return toJson({
    ...line,
    session: undefined,
    price: price === undefined ? null : render(tables, price),
  });
}

/** Returns the legacy `plan` that Stripe still sends along with a price. */
function planOf(price: Price): object {
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval,
    interval_count: price.recurring?.interval_count,
    livemode: false,
    metadata: price.metadata,
    meter: price.recurring?.meter ?? null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: price.recurring?.usage_type,
  };
}
