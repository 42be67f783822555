import { z } from 'zod';
import { keptOr } from './feature-schemas.ts';
import { givenValueSchema } from '../entitlements/feature-value.ts';
import {
  featureCodeSchema,
  jsonOutSchema,
  projectIdSchema,
  stripeIdSchema,
} from '../http/schemas.ts';

const valueOut = jsonOutSchema.describe("A value of the feature's type");
const valuesOut = z.record(z.string(), valueOut).describe('Values by feature code');
const givenValues = z.record(featureCodeSchema, givenValueSchema);
/** The name of a group of plans. */
const planGroupSchema = featureCodeSchema.meta({ examples: ['main'] });
const rank = z.int().min(-1_000_000).max(1_000_000);

const dryRunSchema = z
  .enum(['true', 'false'])
  .default('false')
  .describe(
    'With `true`, changes nothing and lists the users for whom a feature or its value would change',
  );

export const productParams = z.strictObject({ stripe_product_id: stripeIdSchema });
export const priceParams = z.strictObject({ stripe_price_id: stripeIdSchema });

export const putQuery = z.strictObject({ dry_run: dryRunSchema });
export const deleteQuery = z.strictObject({
  project_id: projectIdSchema.optional(),
  dry_run: dryRunSchema,
});

export const productBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    features: givenValues
      .nullish()
      .describe(`All features of the product. ${keptOr('no features')}`),
    rank: rank
      .nullish()
      .describe(`Decides between values of a config: the highest rank wins. ${keptOr('0')}`),
    allow_multiple: z
      .boolean()
      .nullish()
      .describe(
        `Whether a user may have several subscriptions to the product. ${keptOr('`false`')}`,
      ),
    group: planGroupSchema
      .nullish()
      .describe(
        `A user has at most one live subscription to the products of a group, such as the plans of an app. ${keptOr('no group')}`,
      ),
  })
  .meta({ examples: [{ features: { export: true } }] });
export type ProductBody = z.infer<typeof productBody>;

export const priceBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    features: givenValues
      .nullish()
      .describe(
        `All of the price's own features. Their values override those of the product. ${keptOr('no features')}`,
      ),
    access_days: z
      .int()
      .min(1)
      .max(36_500)
      .nullish()
      .describe(`Days of access that a one-time purchase gives. ${keptOr('unlimited access')}`),
    rank: rank
      .nullish()
      .describe(
        `Decides between values of a config: the highest rank wins. ${keptOr('the rank of the product')}`,
      ),
  })
  .meta({ examples: [{ access_days: 30 }] });
export type PriceBody = z.infer<typeof priceBody>;

export const importBody = z.strictObject({ project_id: projectIdSchema.optional() }).nullish();

const priceFields = {
  id: z.string(),
  nickname: z.string().nullable(),
  currency: z.string(),
  unit_amount: z
    .int()
    .nullable()
    .describe(
      'The amount in minor units; `null` if it is not a whole number (see `unit_amount_decimal`), the price is tiered, or the buyer chooses the amount',
    ),
  unit_amount_decimal: z.string().nullable(),
  type: z.string().describe('`recurring` or `one_time`'),
  interval: z.string().nullable(),
  interval_count: z.int().nullable(),
  usage_type: z.string().nullable(),
  tiers_mode: z.string().nullable(),
  access_days: z.int().nullable(),
  features: valuesOut,
};

export const priceOut = z.strictObject({
  ...priceFields,
  product_id: z.string(),
  active: z.boolean(),
  rank: z.int().nullable(),
});
export type PriceDto = z.infer<typeof priceOut>;

const productFields = {
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  rank: z.int(),
  features: valuesOut,
};

export const productOut = z.strictObject({
  ...productFields,
  active: z.boolean(),
  allow_multiple: z.boolean(),
  group: z.string().nullable(),
  price_ids: z.array(z.string()),
});
export type ProductDto = z.infer<typeof productOut>;

const whySkipped = z
  .enum(['not_available', 'code_invalid', 'feature_archived', 'value_required', 'value_invalid'])
  .describe(
    '`not_available`: another project has the product. `code_invalid`: the text is not a feature code. `feature_archived`: the feature is archived. `value_required`: the feature is a limit or config, but the metadata contains no value. `value_invalid`: the value is not valid for the type of the feature.',
  );

export const importOut = z.strictObject({
  product_ids: z.array(z.string()),
  price_ids: z.array(z.string()),
  features_created: z.array(z.string()),
  mapped: z.array(z.strictObject({ id: z.string(), feature_code: z.string(), value: valueOut })),
  skipped: z.array(
    z.strictObject({ id: z.string(), feature_code: z.string().nullable(), why: whySkipped }),
  ),
});
export type ImportDto = z.infer<typeof importOut>;

export const pricingOut = z.strictObject({
  project_id: z.string(),
  features: z.array(
    z.strictObject({ feature_code: z.string(), name: z.string(), type: z.string() }),
  ),
  products: z.array(
    z.strictObject({ ...productFields, prices: z.array(z.strictObject(priceFields)) }),
  ),
});
export type PricingDto = z.infer<typeof pricingOut>;

const impactList = z.array(z.strictObject({ user_id: z.string(), feature_code: z.string() }));
const valueChanges = z.array(
  z.strictObject({ user_id: z.string(), feature_code: z.string(), from: valueOut, to: valueOut }),
);
const impactOut = z.strictObject({
  gains: impactList.describe('Up to 1,000 features that users would gain, ordered by user'),
  losses: impactList.describe('Up to 1,000 features that users would lose, ordered by user'),
  raised: valueChanges.describe('Up to 1,000 limits that would be raised, ordered by user'),
  lowered: valueChanges.describe('Up to 1,000 limits that would be lowered, ordered by user'),
  changed: valueChanges.describe(
    'Up to 1,000 configs whose value would change for a user, ordered by user',
  ),
  counts: z
    .strictObject({
      users: z.int().describe('All users of the project'),
      gains: z.int(),
      losses: z.int(),
      raised: z.int(),
      lowered: z.int(),
      changed: z.int(),
    })
    .describe('The total number of entries of each kind, including those beyond the 1,000 listed'),
});
/** The impact of a catalog change on users. */
export type Impact = z.infer<typeof impactOut>;
const refreshOut = z.strictObject({
  id: z.string(),
  users: z.int(),
  status: z.enum(['done', 'running']),
});

/**
 * Returns the response schema of a change: the changed object with `refresh` or, for a dry run, the impact.
 */
export function changedSchema<Shape extends z.core.$ZodLooseShape>(out: z.ZodObject<Shape>) {
  return z.union([out.extend({ refresh: refreshOut }), impactOut]);
}
