import { z } from 'zod';
import type { Redemption } from '../billing/discount.ts';
import { listOf, text } from '../http/params.ts';
import type { PromotionCode } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/** The `discounts` parameter: each entry names a coupon, a promotion code or an existing discount. */
export const discounts = listOf(
  z
    .strictObject({
      coupon: text.optional(),
      promotion_code: text.optional(),
      discount: text.optional(),
    })
    .refine((entry) => Object.values(entry).filter((id) => id !== undefined).length === 1, {
      message: 'pass exactly one of coupon, promotion_code and discount',
    }),
);

type Entry = z.output<typeof discounts>[number];

/** Returns the redemption that an entry names, or the id of the existing discount that it keeps. */
export function discountOf(world: World, entry: Entry, index: number): Redemption | string {
  const { tables } = world;
  const param = `discounts[${index}]`;
  if (entry.discount !== undefined) {
    return need(tables.discounts, 'discount', entry.discount, `${param}[discount]`, 400).id;
  }
  if (entry.coupon !== undefined) {
    const coupon = need(tables.coupons, 'coupon', entry.coupon, `${param}[coupon]`, 400);
    return { coupon, promotionCode: null };
  }
  const where = `${param}[promotion_code]`;
  const code = need(
    tables.promotionCodes,
    'promotion code',
    entry.promotion_code ?? '',
    where,
    400,
  );
  refuseSpent(world, code, where);
  const coupon = need(tables.coupons, 'coupon', code.promotion.coupon ?? '', where, 400);
  return { coupon, promotionCode: code.id };
}

/** Returns the redemptions of entries for a new subscription, which has no discounts to keep. */
export function redemptionsOf(world: World, entries: readonly Entry[]): Redemption[] {
  return entries
    .map((entry, index) => discountOf(world, entry, index))
    .filter((entry) => typeof entry !== 'string');
}

function refuseSpent(world: World, code: PromotionCode, param: string): void {
  const spent =
    !code.active ||
    (code.expires_at !== null && code.expires_at <= world.clock.seconds()) ||
    (code.max_redemptions !== null && code.times_redeemed >= code.max_redemptions);
  if (spent) {
    throw invalid(`The promotion code ${code.code} is expired or inactive.`, undefined, param);
  }
}
