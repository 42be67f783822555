import { z } from 'zod';
import { projectIdSchema, stripeIdSchema, userIdSchema, wholeTextSchema } from '../http/schemas.ts';

/** A redirect URL for the buyer. */
export const urlSchema = wholeTextSchema
  .min(1)
  .max(5_000)
  .meta({ examples: ['https://app.example.com/account'] });
const quantitySchema = z
  .int()
  .min(1)
  .max(999)
  .default(1)
  .describe('Ignored if the price is metered');

const priceIdSchema = stripeIdSchema.meta({ examples: ['price_9'] });

export const checkoutBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    user_id: userIdSchema,
    email: z
      .email()
      .max(512)
      .optional()
      .describe("The e-mail address of a new customer, shown on Stripe's page"),
    price_id: priceIdSchema.optional(),
    line_items: z
      .array(z.strictObject({ price_id: priceIdSchema, quantity: quantitySchema }))
      .min(1)
      .max(20)
      .optional(),
    success_url: urlSchema.describe(
      "Where Stripe redirects the buyer after the checkout. Stripe replaces `{CHECKOUT_SESSION_ID}` with the session's id.",
    ),
    cancel_url: urlSchema.describe('Where Stripe redirects a buyer who leaves the checkout'),
  })
  .refine((body) => (body.price_id === undefined) !== (body.line_items === undefined), {
    path: ['price_id'],
    error: 'is required unless `line_items` is sent: send one of them, not both',
  })
  .refine(
    ({ line_items: lines = [] }) =>
      new Set(lines.map((line) => line.price_id)).size === lines.length,
    {
      path: ['line_items'],
      error: 'must name each price only once: for more of a price, use `quantity`',
    },
  )
  .meta({
    examples: [
      {
        user_id: 'u_42',
        price_id: 'price_9',
        success_url: 'https://app.example.com/welcome?session={CHECKOUT_SESSION_ID}',
        cancel_url: 'https://app.example.com/pricing',
      },
    ],
  });
