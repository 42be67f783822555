import { toJson, type JsonObject, type WireList } from '../wire.ts';
import type {
  Entity,
  InvoiceLine,
  Price,
  SessionLine,
  SubscriptionItem,
  Tables,
} from './tables.ts';

/** How many entries a list inside an object holds. */
export const nestedListLength = 10;

/** The object as Stripe sends it while nothing is expanded. */
export function render(tables: Tables, entity: Entity): JsonObject {
  switch (entity.object) {
    case 'subscription':
      return toJson({
        ...entity,
        items: nested(
          subscriptionItems(tables, entity.id).map((item) => renderItem(tables, item)),
          `/v1/subscription_items?subscription=${entity.id}`,
        ),
      });
    case 'subscription_item':
      return renderItem(tables, entity);
    case 'invoice':
      return toJson({
        ...entity,
        lines: nested(invoiceLines(tables, entity.id), `/v1/invoices/${entity.id}/lines`),
      });
    case 'item':
      return renderSessionLine(tables, entity);
    case 'product_feature':
      return toJson({
        id: entity.id,
        object: entity.object,
        livemode: entity.livemode,
        entitlement_feature: tables.features.get(entity.feature),
      });
    case 'webhook_endpoint':
      // The secret is shown once, by the answer to the creation.
      return toJson({ ...entity, secret: undefined });
    default:
      return toJson(entity);
  }
}

/** The first entries as a list object. */
export function nested<T>(all: readonly T[], url: string): WireList<T> {
  return {
    object: 'list',
    data: all.slice(0, nestedListLength),
    has_more: all.length > nestedListLength,
    url,
  };
}

/** In order of creation. */
export function subscriptionItems(tables: Tables, subscriptionId: string): SubscriptionItem[] {
  return [...tables.subscriptionItems.values()].filter(
    ({ subscription }) => subscription === subscriptionId,
  );
}

/** In order of creation. */
export function invoiceLines(tables: Tables, invoiceId: string): InvoiceLine[] {
  return [...tables.invoiceLines.values()].filter(({ invoice }) => invoice === invoiceId);
}

/** In the order in which the session was given them. */
export function sessionLines(tables: Tables, sessionId: string): SessionLine[] {
  return [...tables.sessionLines.values()].filter(({ session }) => session === sessionId);
}

function renderItem(tables: Tables, item: SubscriptionItem): JsonObject {
  const price = tables.prices.get(item.price);
  return toJson({ ...item, price, plan: price === undefined ? undefined : planOf(price) });
}

function renderSessionLine(tables: Tables, line: SessionLine): JsonObject {
  return toJson({ ...line, session: undefined, price: tables.prices.get(line.price) ?? null });
}

/** The plan that Stripe still shows beside a price. */
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
