import { newId } from '../state/ids.ts';
import type { Coupon, Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { addMonths } from './period.ts';

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

/**
 * Attaches a coupon to a subscription. With `first_invoice`, a `once` coupon is not attached, because the
 * first invoice has used it up. With `next_invoice`, it still applies to the next invoice.
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

/**
 * Returns the coupon that applies to an invoice created now, if any. Removes a `once` coupon from the
 * subscription.
 */
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
