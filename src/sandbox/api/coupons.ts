import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { paging } from '../http/list.ts';
import { decimal, integer, mergedMetadata, metadata, range, text } from '../http/params.ts';
import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import { render } from '../state/render.ts';
import type { Coupon } from '../state/tables.ts';
import { invalid } from '../stripe-error.ts';
import { reads } from './reads.ts';

const path = '/v1/coupons';

const creation = z.strictObject({
  id: text.optional(),
  name: text.optional(),
  amount_off: integer.optional(),
  currency: text.optional(),
  percent_off: decimal.optional(),
  duration: z.enum(['forever', 'once', 'repeating']).optional(),
  duration_in_months: integer.optional(),
  metadata: metadata.optional(),
});

export const coupons: Endpoint[] = [
  endpoint('POST', path, creation, (world, params) => {
    if ((params.amount_off === undefined) === (params.percent_off === undefined)) {
      throw invalid(
        'Pass either `amount_off` or `percent_off`, not both.',
        'parameter_missing',
        'percent_off',
      );
    }
    const coupon: Coupon = {
      id: params.id ?? newId('coupon', 8).slice('coupon_'.length),
      object: 'coupon',
      amount_off: params.amount_off ?? null,
      created: world.clock.seconds(),
      currency: params.currency ?? null,
      duration: params.duration ?? 'once',
      duration_in_months: params.duration_in_months ?? null,
      livemode: false,
      max_redemptions: null,
      metadata: mergedMetadata({}, params.metadata),
      name: params.name ?? null,
      percent_off: params.percent_off ?? null,
      redeem_by: null,
      times_redeemed: 0,
      valid: true,
    };
    world.tables.coupons.set(coupon.id, coupon);
    emit(world, 'coupon.created', coupon);
    return render(world.tables, coupon);
  }),
  ...reads({
    path,
    kind: 'coupon',
    table: (tables) => tables.coupons,
    filters: z.strictObject({ ...paging, created: range.optional() }),
    matches: () => true,
  }),
];
