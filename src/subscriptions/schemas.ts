import { z } from 'zod';
import { entitlementsResponse } from '../entitlements/schemas.ts';
import {
  isoInstantSchema,
  jsonOutSchema,
  projectIdSchema,
  stripeIdSchema,
  userIdSchema,
  wholeTextSchema,
} from '../http/schemas.ts';

const quantitySchema = z.int().min(1).max(999);
const priceIdSchema = stripeIdSchema.meta({ examples: ['price_9'] });
const whenSchema = z.enum(['now', 'period_end']);

const maxTokenLength = 2_000;

const changeFields = {
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
  price_id: priceIdSchema
    .optional()
    .describe('Replaces the item of the same product, or the only item'),
  quantity: quantitySchema.optional().describe('By default, the replaced item keeps its quantity'),
  items: z
    .array(z.strictObject({ price_id: priceIdSchema, quantity: quantitySchema.default(1) }))
    .min(1)
    .max(20)
    .optional()
    .describe('Replaces all items of the subscription'),
  when: whenSchema,
  proration: z
    .enum(['invoice_now', 'next_invoice', 'none'])
    .default('invoice_now')
    .describe('How the rest of the current period is billed. Ignored for `when: "period_end"`'),
  promotion_code: wholeTextSchema
    .trim()
    .min(1)
    .max(500)
    .optional()
    .describe('The text that the customer types'),
};

interface Change {
  price_id?: string | undefined;
  quantity?: number | undefined;
  items?: { price_id: string }[] | undefined;
}

const oneWay = {
  path: ['items'],
  error: 'must be sent alone; otherwise send `price_id`, `quantity` or both',
};

function namesOneWay({ items, price_id: priceId, quantity }: Change): boolean {
  const isOne = priceId !== undefined || quantity !== undefined;
  return (items !== undefined) !== isOne;
}

const onePriceOnce = {
  path: ['items'],
  error: 'must name each price only once: for more of a price, use `quantity`',
};

function namesPricesOnce({ items = [] }: Change): boolean {
  return new Set(items.map((item) => item.price_id)).size === items.length;
}

const examples = [{ user_id: 'u_42', price_id: 'price_9', when: 'now' }];

export const previewBody = z
  .strictObject(changeFields)
  .refine(namesOneWay, oneWay)
  .refine(namesPricesOnce, onePriceOnce)
  .meta({ examples });

export const applyBody = z
  .strictObject({
    ...changeFields,
    preview_token: wholeTextSchema
      .min(1)
      .max(maxTokenLength)
      .optional()
      .describe('From the preview of the same change. The invoice is then the previewed one'),
  })
  .refine(namesOneWay, oneWay)
  .refine(namesPricesOnce, onePriceOnce)
  .meta({ examples });

export const cancelBody = z.strictObject({
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
  when: whenSchema,
});

export const resumeBody = z.strictObject({
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
});

const plannedItemSchema = z.object({
  price_id: z.string(),
  quantity: z.int().nullable().describe('`null` if the price is metered'),
});

export const subscriptionSchema = z
  .object({
    id: z.string(),
    status: z.string().describe("Stripe's status of the subscription"),
    items: z.array(
      z.object({ id: z.string(), ...plannedItemSchema.shape, product_id: z.string() }),
    ),
    current_period_end: isoInstantSchema.describe("The earliest end of the items' periods"),
    cancel_at: isoInstantSchema.nullable().describe('`null` if the subscription has no end'),
    pending_update: z
      .object({
        items: z.array(plannedItemSchema),
        expires_at: isoInstantSchema,
        action_url: z.string().nullable(),
      })
      .optional()
      .describe('A change that waits for its payment. It is discarded at `expires_at`'),
    scheduled: z
      .object({ items: z.array(plannedItemSchema), at: isoInstantSchema })
      .optional()
      .describe('A change that takes effect at the end of the period'),
  })
  .meta({ id: 'Subscription' });

const amountSchema = z.int().describe("In the currency's minor unit");

export const previewResponse = z
  .object({
    currency: z.string(),
    due_now: amountSchema,
    lines: z
      .array(
        z.object({
          description: z.string(),
          amount: amountSchema,
          proration: z.boolean(),
          period: z.object({ start: isoInstantSchema, end: isoInstantSchema }),
        }),
      )
      .describe('The lines of the invoice that the change makes, or else of the next invoice'),
    discounts: z.array(z.object({ id: z.string(), amount: amountSchema })),
    tax: amountSchema,
    credit: amountSchema.describe('What the invoice adds to the credit of the customer'),
    credit_used: amountSchema.describe('What the credit of the customer pays'),
    next_invoice: z
      .object({ at: isoInstantSchema, total: amountSchema })
      .nullable()
      .describe('`null` if the subscription ends before'),
    entitlements: z
      .object({
        gained: z.array(z.string()),
        lost: z.array(z.string()),
        changed: z.array(
          z.object({ feature_code: z.string(), from: jsonOutSchema, to: jsonOutSchema }),
        ),
      })
      .describe('What the user may use once the change has taken effect'),
    preview_token: z.string(),
    expires_at: isoInstantSchema,
  })
  .meta({ id: 'ChangePreview' });

export const changedResponse = z
  .object({
    subscription: subscriptionSchema,
    invoice_id: z.string().nullable(),
    payment: z
      .enum(['paid', 'none', 'action_required'])
      .describe(
        '`action_required`: the subscription is unchanged until the customer pays or authenticates at `action_url`',
      ),
    action_url: z.string().nullable(),
    revision: z.int().describe("The user's revision"),
    entitlements: entitlementsResponse.shape.entitlements,
  })
  .meta({ id: 'ChangedSubscription' });

export type ChangeRequestBody = z.output<typeof applyBody>;
export type SubscriptionDto = z.output<typeof subscriptionSchema>;
export type ChangedDto = z.output<typeof changedResponse>;
export type PreviewDto = z.output<typeof previewResponse>;
