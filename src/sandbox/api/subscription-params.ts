import { z } from 'zod';
import { clearable, flag, inert, integer, listOf, metadata, range, text } from '../http/params.ts';
import { paging } from '../http/list.ts';
import { discounts } from './redemption.ts';

/** An entry of a subscription's `items`. */
export const subscriptionItem = z.strictObject({
  id: text.optional(),
  price: text.optional(),
  quantity: integer.optional(),
  deleted: flag.optional(),
  metadata: inert,
});

export const proration = z.enum(['always_invoice', 'create_prorations', 'none']).optional();

/**
 * The `payment_behavior` values that updates accept. Creation accepts `default_incomplete` instead of
 * `pending_if_incomplete`.
 */
export const paymentBehavior = z
  .enum(['allow_incomplete', 'error_if_incomplete', 'pending_if_incomplete'])
  .optional();

const trialSettings = z.strictObject({
  end_behavior: z.strictObject({
    missing_payment_method: z.enum(['cancel', 'create_invoice', 'pause']),
  }),
});

const addedItems = listOf(z.strictObject({ price: text, quantity: integer.optional() }));

/** An update's `billing_cycle_anchor`: `now` restarts the billing periods. */
export const anchor = z.strictObject({ type: z.enum(['now', 'unchanged']) });

export const cancelAt = z.union([z.enum(['min_period_end', 'max_period_end']), integer]);

const shared = {
  cancel_at_period_end: flag.optional(),
  collection_method: z.enum(['charge_automatically', 'send_invoice']).optional(),
  days_until_due: integer.optional(),
  default_payment_method: text.optional(),
  description: clearable(text).optional(),
  discounts: clearable(discounts).optional(),
  metadata: metadata.optional(),
  trial_end: z.union([z.literal('now'), integer]).optional(),
  trial_settings: trialSettings.optional(),
  proration_behavior: proration,
  automatic_tax: z.strictObject({ enabled: flag, liability: inert }).optional(),
  off_session: inert,
  payment_settings: inert,
};

export const creation = z.strictObject({
  ...shared,
  customer: text,
  items: listOf(subscriptionItem),
  add_invoice_items: addedItems.optional(),
  backdate_start_date: integer.optional(),
  billing_cycle_anchor: integer.optional(),
  // The sandbox supports only the flexible billing mode.
  billing_mode: z
    .strictObject({
      type: z.literal('flexible'),
      flexible: z
        .strictObject({ proration_discounts: z.enum(['included', 'itemized']).optional() })
        .optional(),
    })
    .optional(),
  cancel_at: cancelAt.optional(),
  currency: text.optional(),
  trial_period_days: integer.optional(),
  payment_behavior: z
    .enum(['allow_incomplete', 'default_incomplete', 'error_if_incomplete'])
    .optional(),
});

export type Creation = z.output<typeof creation>;

export const update = z.strictObject({
  ...shared,
  items: listOf(subscriptionItem).optional(),
  billing_cycle_anchor: anchor.optional(),
  cancel_at: clearable(cancelAt).optional(),
  cancellation_details: inert,
  proration_date: integer.optional(),
  payment_behavior: paymentBehavior,
  pause_collection: clearable(
    z.strictObject({
      behavior: z.enum(['keep_as_draft', 'mark_uncollectible', 'void']),
      resumes_at: integer.optional(),
    }),
  ).optional(),
});

export type Update = z.output<typeof update>;

export const filters = z.strictObject({
  ...paging,
  created: range.optional(),
  current_period_end: range.optional(),
  current_period_start: range.optional(),
  collection_method: text.optional(),
  customer: text.optional(),
  price: text.optional(),
  status: text.optional(),
  test_clock: text.optional(),
});
