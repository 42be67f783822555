import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import { flag, inert, integer, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { change, emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import type { PromotionCode } from '../state/tables.ts';
import { need } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';
import { reads, subset } from './reads.ts';

const path = '/v1/promotion_codes';

const codeLength = 8;

const creation = z.strictObject({
  promotion: z.strictObject({ type: z.literal('coupon'), coupon: text }),
  active: flag.optional(),
  code: text.optional(),
  customer: text.optional(),
  expires_at: integer.optional(),
  max_redemptions: integer.optional(),
  metadata: metadata.optional(),
  restrictions: inert,
});

/**
 * The routes for promotion codes: texts that a customer types to redeem a coupon
 * (docs.stripe.com/api/promotion_codes).
 */
export const promotionCodes: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    const { coupon: couponId } = params.promotion;
    need(world.tables.coupons, 'coupon', couponId, 'promotion[coupon]', 400);
    const id = newId('promo');
    const code = params.code ?? id.slice(-codeLength).toUpperCase();
    const holders = world.tables.promotionCodes.where('code', code.toLowerCase());
    if (holders.some(({ active, customer }) => active && customer === (params.customer ?? null))) {
      throw invalid(
        `An active promotion code with \`code: ${code}\` already exists.`,
        undefined,
        'code',
      );
    }
    const promotionCode: PromotionCode = {
      id,
      object: 'promotion_code',
      active: params.active ?? true,
      code,
      created: world.clock.seconds(),
      customer: params.customer ?? null,
      customer_account: null,
      expires_at: params.expires_at ?? null,
      livemode: false,
      max_redemptions: params.max_redemptions ?? null,
      metadata: mergedMetadata({}, params.metadata),
      promotion: { type: 'coupon', coupon: couponId },
      restrictions: {
        first_time_transaction: false,
        minimum_amount: null,
        minimum_amount_currency: null,
      },
      times_redeemed: 0,
    };
    world.tables.promotionCodes.set(id, promotionCode);
    emit(world, 'promotion_code.created', promotionCode);
    return render(world.tables, promotionCode);
  }),
  ...reads({
    path,
    kind: 'promotion code',
    table: (tables) => tables.promotionCodes,
    filters: z.strictObject({
      ...paging,
      active: flag.optional(),
      code: text.optional(),
      coupon: text.optional(),
      created: range.optional(),
      customer: text.optional(),
    }),
    // Codes are case-insensitive (docs.stripe.com/api/promotion_codes/object#promotion_code_object-code).
    matches: (promotionCode, filters) =>
      matches(filters.active, promotionCode.active) &&
      matches(filters.coupon, promotionCode.promotion.coupon) &&
      matches(filters.customer, promotionCode.customer) &&
      matches(filters.code?.toLowerCase(), promotionCode.code.toLowerCase()),
    among: (tables, { code }) =>
      subset([code?.toLowerCase(), (key) => tables.promotionCodes.where('code', key)]),
  }),
  endpoint(
    'POST',
    `${path}/:id`,
    z.strictObject({ active: flag.optional(), metadata: metadata.optional() }),
    (world, params, { id }) => {
      const promotionCode = need(world.tables.promotionCodes, 'promotion code', id);
      change(world, 'promotion_code.updated', promotionCode, () => {
        promotionCode.active = params.active ?? promotionCode.active;
        promotionCode.metadata = mergedMetadata(promotionCode.metadata ?? {}, params.metadata);
      });
      return render(world.tables, promotionCode);
    },
  ),
];
