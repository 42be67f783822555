import { subscriptionItems } from '../state/render.ts';
import type { InvoiceLine, Subscription, SubscriptionItem } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { discountsOf } from './discount.ts';
import type { DraftLine } from './invoice-draft.ts';
import { discountLines, sumOf, type DiscountAmount } from './invoice-totals.ts';
import { addInterval } from './period.ts';
import { itemLine } from './subscription-start.ts';

/*
 * Prorations are exact to the second (docs.stripe.com/billing/subscriptions/prorations). In flexible billing
 * mode, a credit is a part of what was really billed for the item, whatever its price is now
 * (docs.stripe.com/billing/subscriptions/billing-mode/compare).
 */

/** Returns the credit for the rest of an item's period after `at`, if anything was billed for it. */
export function unusedTime(
  world: World,
  subscription: Subscription,
  item: SubscriptionItem,
  at: number,
): DraftLine[] {
  const end = item.current_period_end;
  const line = itemLine(world, item, false);
  if (end <= at || line.price.recurring === null || item.quantity === undefined) {
    return [];
  }
  const billed = billedLine(world, item, at);
  if (billed === undefined) {
    // Only a seeded subscription has no invoice at all.
    const items = subscriptionItems(world.tables, subscription.id);
    return subscription.latest_invoice === null
      ? fullPeriod(world, subscription, item, items).map((full) =>
          part(subscription, full, -1, shareLeft(world, item, at), { start: at, end }),
        )
      : [];
  }
  const share = (end - at) / (billed.period.end - billed.period.start);
  const full = { line, amount: billed.amount, discounts: billed.discount_amounts ?? [] };
  return [{ ...part(subscription, full, -1, share, { start: at, end }), credits: billed }];
}

/**
 * Returns the charge for the rest of an item's period after `at`, at its price and quantity.
 *
 * @param items all items of the subscription, over which its discounts are spread.
 */
export function remainingTime(
  world: World,
  subscription: Subscription,
  item: SubscriptionItem,
  at: number,
  items: readonly SubscriptionItem[],
): DraftLine[] {
  const end = item.current_period_end;
  if (end <= at || item.quantity === undefined) {
    return [];
  }
  return fullPeriod(world, subscription, item, items).map((full) =>
    part(subscription, full, 1, shareLeft(world, item, at), { start: at, end }),
  );
}

/** An amount for a whole period, before its discounts. */
interface Full {
  line: DraftLine;
  amount: number;
  discounts: readonly DiscountAmount[];
}

function fullPeriod(
  world: World,
  subscription: Subscription,
  item: SubscriptionItem,
  items: readonly SubscriptionItem[],
): Full[] {
  const lines = items.map((one) => itemLine(world, one, false));
  const discounts = discountLines(
    lines.map(({ amount }) => ({ amount, discountable: true, discounts: [] })),
    discountsOf(world, subscription),
  );
  const index = items.findIndex(({ id }) => id === item.id);
  const line = lines[index];
  return line === undefined
    ? []
    : [{ line, amount: line.amount, discounts: discounts[index] ?? [] }];
}

/** Returns a part of a full period. The amount contains its discounts unless the subscription itemizes them. */
function part(
  subscription: Subscription,
  { line, amount, discounts }: Full,
  sign: 1 | -1,
  share: number,
  period: DraftLine['period'],
): DraftLine {
  const itemized = subscription.billing_mode.flexible?.proration_discounts === 'itemized';
  const net = amount - sumOf(discounts);
  return {
    ...line,
    amount: sign * Math.round((itemized ? amount : net) * share),
    discounts: discounts.map((one) => ({
      discount: one.discount,
      amount: itemized ? sign * Math.round(one.amount * share) : 0,
    })),
    description: `${sign < 0 ? 'Unused' : 'Remaining'} time on ${line.description ?? ''}`,
    period,
    proration: true,
  };
}

/** Returns the last line billed for the item's current period before `at`. A void invoice bills nothing. */
function billedLine(world: World, item: SubscriptionItem, at: number): InvoiceLine | undefined {
  const { invoiceLines, invoices } = world.tables;
  return invoiceLines
    .where('item', item.id)
    .filter(({ amount, invoice: id, period }) => {
      const invoice = invoices.get(id ?? '');
      const stands = id === null || (invoice !== undefined && invoice.status !== 'void');
      return amount >= 0 && period.end === item.current_period_end && period.start <= at && stands;
    })
    .at(-1);
}

/** Returns the remaining share of a full period, even if the item was added partway through it. */
function shareLeft(world: World, item: SubscriptionItem, at: number): number {
  const end = item.current_period_end;
  const recurring = world.tables.prices.get(item.price)?.recurring ?? null;
  return recurring === null ? 0 : (end - at) / (end - addInterval(end, recurring, -1));
}
