import {
  add,
  compare,
  multiply,
  parseDecimal,
  type Rational,
  rational,
  subtract,
  zero,
} from './rational.ts';

/*
 * Computes the monthly amount of a subscription before tax (docs/reports.md, "MRR"). Amounts are in exact
 * minor units of the subscription's currency and are not rounded here.
 */

/** A tier of a price, with amounts in minor units as decimal strings. */
export interface Tier {
  /** The last quantity in the tier; null for unlimited. */
  upTo: number | null;
  unitAmount: string | null;
  flatAmount: string | null;
}

/** The amounts of a price in one currency. An amount is null if unknown. */
export interface Amounts {
  unitAmount: string | null;
  tiers: readonly Tier[] | null;
}

export interface Pricing {
  /** The amounts by currency, including the price's own. */
  amounts: ReadonlyMap<string, Amounts>;
  tiersMode: string | null;
  interval: string | null;
  intervalCount: number;
  usageType: string | null;
  /** The number of units that are charged as one; null if every unit is charged. */
  divideQuantityBy: number | null;
  roundQuantity: string | null;
}

interface RecurringItem {
  priceId: string;
  /** Null if the price is metered. */
  quantity: number | null;
}

export interface RecurringDiscount {
  /** The index of the discounted item; null if the whole subscription is discounted. */
  item: number | null;
  percentOff: string | null;
  amountOff: string | null;
  currency: string | null;
}

export interface RecurringSubscription {
  currency: string;
  items: readonly RecurringItem[];
  /** The discounts in force, in the order in which they apply. */
  discounts: readonly RecurringDiscount[];
}

export interface MonthlyAmount {
  amount: Rational;
  /** Number of items whose price, or whose amount in the currency, is unknown. They are included as 0. */
  unpricedItems: number;
}

/** What one item contributes to the monthly amount. */
interface Share {
  /** Number of billing periods per month. */
  perMonth: Rational;
  /** The amount per billing period. */
  due: Rational;
}

/**
 * Computes the monthly amount of a subscription.
 *
 * @param prices by id. A missing price is unknown.
 */
export function monthlyAmount(
  { currency, items, discounts }: RecurringSubscription,
  prices: ReadonlyMap<string, Pricing>,
): MonthlyAmount {
  const shares: Share[] = [];
  let unpricedItems = 0;
  for (const [index, item] of items.entries()) {
    // A fixed discount is not spread over items that are not billed.
    if (item.quantity === 0) continue;
    const pricing = prices.get(item.priceId);
    if (pricing === undefined && item.quantity === null) continue;
    const perMonth = pricing === undefined ? null : timesPerMonth(pricing);
    const full = pricing === undefined ? null : periodAmount(pricing, item.quantity, currency);
    if (perMonth === null || full === null) {
      unpricedItems += 1;
      continue;
    }
    const due = discounts
      .filter((discount) => discount.item === index)
      .reduce((rest, discount) => lowered(rest, discount, currency), full);
    shares.push({ perMonth, due });
  }
  for (const discount of discounts) {
    if (discount.item === null) lowerAll(shares, discount, currency);
  }
  return {
    amount: shares.reduce((sum, { perMonth, due }) => add(sum, multiply(perMonth, due)), zero),
    unpricedItems,
  };
}

/** Returns the number of billing periods per month. A year has 12 months and 365 days. */
function timesPerMonth({ interval, intervalCount }: Pricing): Rational | null {
  const count = BigInt(intervalCount);
  switch (interval) {
    case 'month':
      return rational(1n, count);
    case 'year':
      return rational(1n, 12n * count);
    case 'week':
      return rational(365n, 7n * 12n * count);
    case 'day':
      return rational(365n, 12n * count);
    case null:
    default:
      return null;
  }
}

/**
 * Returns the undiscounted amount of a quantity for one period. Metered items are included as 0, because
 * usage is not known in advance.
 */
function periodAmount(
  pricing: Pricing,
  quantity: number | null,
  currency: string,
): Rational | null {
  if (quantity === null || pricing.usageType === 'metered') return zero;
  const amounts = pricing.amounts.get(currency);
  if (amounts === undefined) return null;
  const charged = chargedQuantity(pricing, quantity);
  const { unitAmount, tiers } = amounts;
  switch (pricing.tiersMode) {
    case null:
      return unitAmount === null ? null : multiply(parseDecimal(unitAmount), rational(charged));
    case 'volume':
      return tiers === null ? null : volumeAmount(tiers, charged);
    case 'graduated':
      return tiers === null ? null : graduatedAmount(tiers, charged);
    default:
      return null;
  }
}

function chargedQuantity({ divideQuantityBy, roundQuantity }: Pricing, quantity: number): bigint {
  const units = BigInt(quantity);
  if (divideQuantityBy === null) return units;
  const size = BigInt(divideQuantityBy);
  return roundQuantity === 'up' ? (units + size - 1n) / size : units / size;
}

/** Returns the amount of the whole quantity, priced at the tier that contains it. */
function volumeAmount(tiers: readonly Tier[], quantity: bigint): Rational | null {
  const tier = tiers.find(({ upTo }) => upTo === null || quantity <= BigInt(upTo));
  return tier === undefined ? null : tierAmount(tier, quantity);
}

/**
 * Returns the sum over the tiers, each priced for its part of the quantity; null if the tiers do not cover
 * it.
 */
function graduatedAmount(tiers: readonly Tier[], quantity: bigint): Rational | null {
  let amount = zero;
  let below = 0n;
  for (const tier of tiers) {
    if (quantity <= below) break;
    const last = tier.upTo === null ? quantity : BigInt(tier.upTo);
    const within = (quantity < last ? quantity : last) - below;
    amount = add(amount, tierAmount(tier, within));
    below = last;
  }
  return quantity <= below ? amount : null;
}

function tierAmount({ unitAmount, flatAmount }: Tier, quantity: bigint): Rational {
  const units = multiply(parseDecimal(unitAmount ?? '0'), rational(quantity));
  return add(units, parseDecimal(flatAmount ?? '0'));
}

/**
 * Reduces the shares by a discount on the subscription. A percentage applies to all items. A fixed amount
 * applies to the items with the shortest period, because every invoice includes them.
 */
function lowerAll(shares: Share[], discount: RecurringDiscount, currency: string): void {
  if (discount.percentOff !== null) {
    for (const share of shares) share.due = lowered(share.due, discount, currency);
    return;
  }
  const [first] = shares.toSorted((one, other) => compare(other.perMonth, one.perMonth));
  if (first === undefined) return;
  const shortest = shares.filter(({ perMonth }) => compare(perMonth, first.perMonth) === 0);
  const due = shortest.reduce((sum, share) => add(sum, share.due), zero);
  const rest = lowered(due, discount, currency);
  for (const share of shortest) share.due = share === first ? rest : zero;
}

/**
 * Reduces an amount by a discount. If the discount is in another currency, its effect is unknown, so nothing
 * is deducted.
 */
function lowered(due: Rational, discount: RecurringDiscount, currency: string): Rational {
  const { percentOff, amountOff } = discount;
  if (percentOff !== null) {
    const percent = subtract(rational(100n), parseDecimal(percentOff));
    return multiply(due, multiply(percent, rational(1n, 100n)));
  }
  if (amountOff === null || discount.currency !== currency) return due;
  const rest = subtract(due, parseDecimal(amountOff));
  return rest.numerator < 0n ? zero : rest;
}
