import { z } from 'zod';
import { recordedSegmentSchema } from '../entitlements/query-schemas.ts';
import { grantOut, revocationOut } from '../grants/schemas.ts';
import { isoInstantSchema } from '../http/schemas.ts';
import { purchaseSchema } from '../linking/purchase-list.ts';
import { entrySchema, usageSchema } from '../usage/schemas.ts';
import { eventSchema } from '../webhook/stored-events.ts';

const customerSchema = z.strictObject({
  id: z.string(),
  email: z.string().nullable(),
  primary: z.boolean().describe('Whether checkout uses this customer'),
  deleted: z.boolean(),
  linked_by: z
    .string()
    .nullable()
    .describe(
      "Why the customer belongs to the user. `checkout`: a checkout created the customer; `metadata`: the customer's metadata in Stripe names the user; `operator`: an operator linked the customer.",
    ),
  created_at: isoInstantSchema,
});

const subscriptionSchema = z.strictObject({
  id: z.string(),
  stripe_customer_id: z.string(),
  status: z.string().describe("Stripe's status"),
  currency: z.string(),
  started_at: isoInstantSchema,
  trial_ends_at: isoInstantSchema.nullable(),
  cancel_at: isoInstantSchema.nullable(),
  cancel_at_period_end: z.boolean(),
  canceled_at: isoInstantSchema.nullable(),
  ended_at: isoInstantSchema.nullable(),
  paused_at: isoInstantSchema.nullable(),
  overdue_since: isoInstantSchema
    .nullable()
    .describe('When the debt began. The grace period starts at this instant.'),
  items: z.array(
    z.strictObject({
      id: z.string(),
      stripe_price_id: z.string(),
      stripe_product_id: z.string(),
      quantity: z.int().nullable().describe('`null` if the price is metered'),
      current_period_start: isoInstantSchema,
      current_period_end: isoInstantSchema,
    }),
  ),
});

/** A user's customers, subscriptions, purchases, grants, revocations, timeline, usage and latest events. */
export const userPageSchema = z
  .strictObject({
    project_id: z.string(),
    user_id: z.string(),
    revision: z.int().describe("The revision of the user's timeline"),
    created_at: isoInstantSchema.describe('When the first fact about the user was stored'),
    erased_at: isoInstantSchema.nullable(),
    customers: z.array(customerSchema),
    subscriptions: z
      .array(subscriptionSchema)
      .describe('All subscriptions, including ended ones, latest first'),
    purchases: z.array(purchaseSchema).describe('All purchases, latest first'),
    grants: z.array(grantOut).describe('All grants, including ended ones, latest first'),
    revocations: z
      .array(revocationOut)
      .describe('All revocations, including lifted ones, latest first'),
    timeline: z
      .array(recordedSegmentSchema)
      .describe(
        'The timeline according to the current facts, ordered by feature and start. It has up to 100 segments; past ones are left out first. `GET /entitlements/history` has all.',
      ),
    usage: z
      .array(usageSchema)
      .describe('The metered features that the user may use now, as in `GET /usage`'),
    usage_entries: z.array(entrySchema).describe('The last 20 entries of usage'),
    events: z.array(eventSchema).describe("The last 20 events about the user's objects"),
  })
  .meta({ id: 'UserPage' });
export type UserPage = z.infer<typeof userPageSchema>;

export const erasedSchema = z.strictObject({
  user_id: z.string(),
  erased_at: isoInstantSchema.describe("When the user's data was first erased"),
  customers: z.int().describe('Number of customer e-mail addresses erased'),
  payloads: z.int().describe('Number of stored event payloads erased'),
  usage_entries: z.int().describe('Number of usage entries whose metadata or reason was erased'),
  audit_id: z.string().nullable().describe('`null` if nothing was left to erase'),
});
export type Erased = z.infer<typeof erasedSchema>;
