import { z } from 'zod';
import type { FeatureType } from '../entitlements/core/facts.ts';
import { featureTypeSchema } from '../entitlements/schemas.ts';
import {
  featureCodeSchema,
  isoInstantSchema,
  nameSchema,
  projectIdSchema,
  wholeTextSchema,
} from '../http/schemas.ts';

export const featureParams = z.strictObject({ feature_code: featureCodeSchema });

/** Describes a field that keeps its stored value if it is left out. */
export function keptOr(initial: string): string {
  return `If left out, the stored value stays. \`null\` restores the initial value: ${initial}.`;
}

function isMultiplied(type: FeatureType): boolean {
  return type === 'limit' || type === 'metered';
}

const stripeMeterSchema = z.strictObject({
  event_name: wholeTextSchema
    .trim()
    .min(1)
    .max(100)
    .describe('The `event_name` of an active billing meter in Stripe that sums values'),
  report: z
    .enum(['all', 'overage'])
    .describe('`all`: everything that is used; `overage`: only what is used beyond the balance'),
});

export const featureBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    name: nameSchema,
    type: featureTypeSchema,
    merge: z
      .enum(['max', 'sum'])
      .nullish()
      .describe(
        `How the values of several sources of a limit are combined: \`max\` takes the largest, \`sum\` adds them. ${keptOr('`max`')}`,
      ),
    per_quantity: z
      .boolean()
      .nullish()
      .describe(
        `Whether a limit or an allowance is multiplied by the quantity of the subscription item or line item. ${keptOr('`false`')}`,
      ),
    unit: nameSchema
      .max(50)
      .nullish()
      .describe(`What a metered feature counts, such as \`credits\`. ${keptOr('none')}`),
    overage: z
      .enum(['deny', 'allow'])
      .nullish()
      .describe(`Whether a metered feature may be used above its balance. ${keptOr('`deny`')}`),
    stripe_meter: stripeMeterSchema
      .nullish()
      .describe(
        `The billing meter in Stripe to which usage of a metered feature is reported. ${keptOr('none')}`,
      ),
  })
  .refine(({ type, merge }) => type === 'limit' || merge !== 'sum', {
    path: ['merge'],
    error: 'must be left out: only a feature of `type` `limit` can add up',
  })
  .refine(({ type, per_quantity }) => isMultiplied(type) || per_quantity !== true, {
    path: ['per_quantity'],
    error: 'must be left out: only a feature of `type` `limit` or `metered` can be multiplied',
  })
  .refine(({ type, unit }) => type === 'metered' || (unit ?? null) === null, {
    path: ['unit'],
    error: 'must be left out: only a feature of `type` `metered` has a unit',
  })
  .refine(({ type, overage }) => type === 'metered' || (overage ?? 'deny') === 'deny', {
    path: ['overage'],
    error: 'must be left out: only a feature of `type` `metered` can be used above its balance',
  })
  .meta({ examples: [{ name: 'Export', type: 'boolean' }] });
export type FeatureBody = z.infer<typeof featureBody>;

export const featureOut = z.strictObject({
  feature_code: z.string(),
  name: z.string(),
  type: z.string(),
  merge: z.string(),
  per_quantity: z.boolean(),
  unit: z.string().nullable(),
  overage: z.enum(['deny', 'allow']),
  stripe_meter: stripeMeterSchema.nullable(),
  archived_at: isoInstantSchema.nullable(),
  created_at: isoInstantSchema,
});
export type FeatureDto = z.infer<typeof featureOut>;
