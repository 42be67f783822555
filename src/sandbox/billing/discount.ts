import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type { Coupon, Discount, Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addMonths } from './period.ts';

/** A coupon, and the id of the promotion code that redeems it, if any. */
export interface Redemption {
  coupon: Coupon;
  promotionCode: string | null;
}

/** A discount on an invoice. */
export interface AppliedDiscount {
  id: string;
  coupon: Coupon;
}

/** Returns the discount that a coupon gives on an amount, in the currency's minor unit. */
export function discountOn(amount: number, coupon: Coupon | undefined): number {
  if (coupon === undefined) {
    return 0;
  }
  const off =
    coupon.percent_off === null
      ? (coupon.amount_off ?? 0)
      : Math.round((amount * coupon.percent_off) / 100);
  return Math.min(amount, off);
}

/** Redeems a coupon for a customer or one of its subscriptions. */
export function addDiscount(
  world: World,
  owner: { customer: string | null; subscription: string | null },
  { coupon, promotionCode }: Redemption,
): AppliedDiscount {
  const start = world.clock.seconds();
  const months = coupon.duration_in_months;
  const discount: Discount = {
    id: newId('di'),
    object: 'discount',
    checkout_session: null,
    customer: owner.customer,
    customer_account: null,
    end: months === null ? null : addMonths(start, months),
    invoice: null,
    invoice_item: null,
    promotion_code: promotionCode,
    source: { coupon: coupon.id, type: 'coupon' },
    start,
    subscription: owner.subscription,
    subscription_item: null,
  };
  world.tables.discounts.set(discount.id, discount);
  coupon.times_redeemed += 1;
  const code = world.tables.promotionCodes.get(promotionCode ?? '');
  if (code !== undefined) {
    code.times_redeemed += 1;
  }
  emit(world, 'customer.discount.created', discount);
  return { id: discount.id, coupon };
}

/**
 * Replaces a subscription's discounts. They apply from its next invoice on. An entry is an existing
 * discount's id, which keeps that discount, or a redemption.
 */
export function setDiscounts(
  world: World,
  subscription: Subscription,
  wanted: readonly (string | Redemption)[],
): void {
  const { id, customer, discounts: before } = subscription;
  subscription.discounts = wanted.map((entry) =>
    typeof entry === 'string'
      ? entry
      : addDiscount(world, { customer, subscription: id }, entry).id,
  );
  for (const removed of before) {
    const discount = world.tables.discounts.get(removed);
    if (discount !== undefined && !subscription.discounts.includes(removed)) {
      emit(world, 'customer.discount.deleted', discount);
    }
  }
}

/** Returns the discounts that apply to an invoice of the subscription created now. */
export function discountsOf(world: World, subscription: Subscription): AppliedDiscount[] {
  const now = world.clock.seconds();
  return subscription.discounts.flatMap((id) => {
    const discount = world.tables.discounts.get(id);
    const coupon = world.tables.coupons.get(discount?.source.coupon ?? '');
    const ended = discount === undefined || (discount.end !== null && discount.end <= now);
    return ended || coupon === undefined ? [] : [{ id, coupon }];
  });
}

/** Returns `discountsOf`, and removes those that apply only once from the subscription. */
export function takeDiscounts(world: World, subscription: Subscription): AppliedDiscount[] {
  const applied = discountsOf(world, subscription);
  const used = new Set(
    applied.filter(({ coupon }) => coupon.duration === 'once').map(({ id }) => id),
  );
  if (used.size > 0) {
    subscription.discounts = subscription.discounts.filter((id) => !used.has(id));
  }
  return applied;
}
