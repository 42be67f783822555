import { newId } from '../state/ids.ts';
import type { Coupon, Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addMonths } from './period.ts';

/** Returns the discount of a coupon on an amount, in the currency's minor unit. */
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

/**
 * Stores a coupon on a subscription. From its `first_invoice` on: a `once` coupon is used up by it. From its
 * `next_invoice` on: that invoice still gets it.
 */
export function attachCoupon(
  world: World,
  subscription: Subscription,
  coupon: Coupon,
  from: 'first_invoice' | 'next_invoice',
): void {
  if (coupon.duration === 'once' && from === 'first_invoice') {
    return;
  }
  const start = world.clock.seconds();
  const id = newId('di');
  world.tables.discounts.set(id, {
    id,
    object: 'discount',
    checkout_session: null,
    customer: subscription.customer,
    customer_account: null,
    end: coupon.duration_in_months === null ? null : addMonths(start, coupon.duration_in_months),
    invoice: null,
    invoice_item: null,
    promotion_code: null,
    source: { coupon: coupon.id, type: 'coupon' },
    start,
    subscription: subscription.id,
    subscription_item: null,
  });
  subscription.discounts = [id];
}

/** Returns the coupon for the invoice that is created now. A `once` coupon is used up. */
export function takeCoupon(world: World, subscription: Subscription): Coupon | undefined {
  const [discountId = ''] = subscription.discounts;
  const discount = world.tables.discounts.get(discountId);
  if (discount === undefined || (discount.end !== null && discount.end <= world.clock.seconds())) {
    return undefined;
  }
  const coupon = world.tables.coupons.get(discount.source.coupon ?? '');
  if (coupon?.duration === 'once') {
    subscription.discounts = [];
  }
  return coupon;
}
