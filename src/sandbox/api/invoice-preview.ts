import { z } from 'zod';
import { creditUnusedTime } from '../billing/final-credit.ts';
import { nextInvoice, recurringInvoice, renderPreview, tryChange } from '../billing/preview.ts';
import { cancelSubscription, hasEnded } from '../billing/subscription-change.ts';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { clearable, flag, inert, integer, listOf, metadata, text } from '../http/params.ts';
import { need } from '../state/world.ts';
import { invalid, missing } from '../stripe-error.ts';
import { applyUpdate } from './apply-update.ts';
import { discounts } from './redemption.ts';
import { anchor, cancelAt, proration, subscriptionItem } from './subscription-params.ts';

const details = z.strictObject({
  items: listOf(subscriptionItem).optional(),
  // A creation takes an anchor of `{type: 'now'}`, an earlier API version plain `now`.
  billing_cycle_anchor: z
    .union([z.enum(['now', 'unchanged']).transform((type) => ({ type })), anchor])
    .optional(),
  cancel_at: clearable(cancelAt).optional(),
  cancel_at_period_end: flag.optional(),
  cancel_now: flag.optional(),
  proration_behavior: proration,
  proration_date: integer.optional(),
  trial_end: z.union([z.literal('now'), integer]).optional(),
  metadata: metadata.optional(),
  billing_mode: inert,
});

const creation = z.strictObject({
  customer: text.optional(),
  subscription: text,
  subscription_details: details.optional(),
  discounts: clearable(discounts).optional(),
  preview_mode: z.enum(['next', 'recurring']).optional(),
  automatic_tax: inert,
});

/** The route that previews the invoice of a change to a subscription (docs.stripe.com/api/invoices/create_preview). */
export const invoicePreview: Endpoint = endpoint(
  'POST',
  '/v1/invoices/create_preview',
  creation,
  (world, params) => {
    const { subscriptions } = world.tables;
    const found = need(subscriptions, 'subscription', params.subscription, 'subscription', 400);
    if (hasEnded(found) || (params.customer ?? found.customer) !== found.customer) {
      throw missing('subscription', found.id, 'subscription', 400);
    }
    const { cancel_now: cancelNow, ...update } = params.subscription_details ?? {};
    refuseUselessDate(update);
    const tried = tryChange(world, found, (fork, subscription) => {
      applyUpdate(fork, subscription, { ...update, discounts: params.discounts });
      if (cancelNow === true) {
        if (update.proration_behavior !== 'none') {
          creditUnusedTime(fork, subscription, update.proration_date);
        }
        cancelSubscription(fork, subscription, 'cancellation_requested');
      }
    });
    const invoice =
      params.preview_mode === 'recurring' ? recurringInvoice(tried) : nextInvoice(tried);
    return renderPreview(world, tried.fork, invoice);
  },
);

function refuseUselessDate(update: z.output<typeof details>): void {
  if (update.proration_date !== undefined && update.proration_behavior === 'none') {
    throw invalid(
      'You cannot set `proration_date` if `proration_behavior` is `none`.',
      undefined,
      'subscription_details[proration_date]',
    );
  }
}
