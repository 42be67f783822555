import { z } from 'zod';
import { checkReasonSchema, sourceSchema } from '../entitlements/schemas.ts';
import {
  featureCodeSchema,
  isoInstantSchema,
  jsonOutSchema,
  projectIdSchema,
  reasonSchema,
  userIdSchema,
  wholeTextSchema,
} from '../http/schemas.ts';
import { metadataSchema } from './metadata.ts';

/** The most units of one request, so that sums stay exact. */
const maxAmount = 1_000_000_000;

const amountSchema = z.int().min(1).max(maxAmount);

const consumeFields = {
  user_id: userIdSchema,
  feature_code: featureCodeSchema.meta({ examples: ['credits'] }),
  amount: amountSchema.default(1),
  partial: z
    .boolean()
    .default(false)
    .describe('With `true`, consumes what is left if that is less than `amount`'),
  metadata: metadataSchema.optional(),
};

export const consumeBody = z
  .strictObject({ project_id: projectIdSchema.optional(), ...consumeFields })
  .meta({ examples: [{ user_id: 'u_42', feature_code: 'credits', amount: 3 }] });

const keySchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must consist of 1 to 255 printable characters without spaces');

export const consumeBatchBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    items: z
      .array(
        z.strictObject({
          ...consumeFields,
          idempotency_key: keySchema.describe('Like the header `Idempotency-Key` of one request'),
        }),
      )
      .min(1)
      .max(100),
  })
  .meta({
    examples: [
      {
        items: [
          { user_id: 'u_42', feature_code: 'credits', amount: 3, idempotency_key: 'job_1' },
          { user_id: 'u_43', feature_code: 'credits', idempotency_key: 'job_2' },
        ],
      },
    ],
  });

export const holdBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    user_id: userIdSchema,
    feature_code: consumeFields.feature_code,
    amount: amountSchema,
    expires_in_seconds: z.int().min(1).max(3_600),
  })
  .meta({
    examples: [{ user_id: 'u_42', feature_code: 'credits', amount: 20, expires_in_seconds: 600 }],
  });

export const settleBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    amount: z
      .int()
      .min(0)
      .max(maxAmount)
      .describe('What was really used. More than was held is taken even below zero.'),
  })
  .meta({ examples: [{ amount: 17 }] });

export const reverseBody = z
  .strictObject({ project_id: projectIdSchema.optional(), reason: reasonSchema })
  .meta({ examples: [{ reason: 'the job failed' }] });

/** An id that cannot be stored is refused here: in the database, it would fail the deeds of others too. */
export const idParams = z.strictObject({ id: wholeTextSchema.max(100) });
export const scopeQuery = z.strictObject({ project_id: projectIdSchema.optional() });

/** The header that every change of usage needs. */
export const keyHeader = z.object({
  'Idempotency-Key': keySchema
    .describe(
      'Required. Unique in the project for as long as entries are kept. A repeated request with the same key and body changes nothing and gets the first response.',
    )
    .meta({ examples: ['job_8c1f'] }),
});

const balanceSchema = z
  .int()
  .nullable()
  .describe('What is left afterwards; negative if more was used than given; `null` if unlimited');

export const consumed = z
  .object({
    allowed: z.boolean().describe('Whether anything was consumed'),
    reason: checkReasonSchema,
    consumed: z.int(),
    balance: balanceSchema,
    entry_id: z.string().nullable().describe('`null` if nothing was consumed'),
  })
  .meta({
    id: 'Consumed',
    examples: [
      {
        ...{ allowed: true, reason: 'granted', consumed: 3, balance: 497 },
        entry_id: 'ue_0mhz3k9c00001k3v9x2mq7d',
      },
    ],
  });

export const batchConsumed = z.object({
  data: z
    .array(z.union([consumed, z.object({ code: z.string(), detail: z.string() })]))
    .describe('In the order of `items`: each answer, or the problem of an item that failed'),
});

export const heldResponse = z
  .object({
    hold_id: z.string().nullable().describe('`null` if nothing was held'),
    allowed: z.boolean(),
    reason: checkReasonSchema,
    held: z.int(),
    balance: balanceSchema,
    expires_at: isoInstantSchema.nullable(),
  })
  .meta({ id: 'Hold' });

export const settledResponse = z
  .object({
    hold_id: z.string(),
    consumed: z.int(),
    balance: balanceSchema,
    entry_id: z.string(),
  })
  .meta({ id: 'SettledHold' });

export const reversedResponse = z
  .object({
    entry_id: z.string(),
    reversed_entry_id: z.string(),
    returned: z.int().describe('The units given back'),
    balance: balanceSchema,
  })
  .meta({ id: 'ReversedEntry' });

const bucketSchema = z.object({
  source: sourceSchema,
  from: isoInstantSchema,
  to: isoInstantSchema.nullable().describe('`null` if the period has no end'),
  amount: z.int().describe('What the source gives for this period, without `rolled_over`'),
  rolled_over: z.int(),
  used: z.int(),
  held: z.int(),
});

export const usageSchema = z
  .object({
    feature_code: z.string(),
    unit: z.string().nullable(),
    unlimited: z.boolean(),
    granted: z.int().nullable().describe('The sum of the buckets’ amounts; `null` if unlimited'),
    used: z.int(),
    held: z.int(),
    balance: balanceSchema,
    overage: z.int().describe('How far the balance is below zero'),
    resets_at: isoInstantSchema.nullable().describe('When the next period begins'),
    buckets: z.array(bucketSchema).describe('In the order in which they are used'),
  })
  .meta({ id: 'Usage' });
export type UsageDto = z.infer<typeof usageSchema>;

export const usageResponse = z.object({ user_id: z.string(), data: z.array(usageSchema) });

export const entrySchema = z
  .object({
    id: z.string(),
    user_id: z.string(),
    feature_code: z.string(),
    amount: z.int().describe('The units used or held; negative if given back'),
    at: isoInstantSchema,
    kind: z.enum(['consume', 'hold', 'settle', 'reverse']),
    idempotency_key: z.string().nullable(),
    metadata: jsonOutSchema.describe('`null` if the entry has no metadata'),
    balance_after: z.int().nullable().describe('`null` if unlimited'),
  })
  .meta({ id: 'UsageEntry' });
export type EntryDto = z.infer<typeof entrySchema>;

export const summaryRow = z
  .object({
    from: isoInstantSchema,
    to: isoInstantSchema,
    feature_code: z.string(),
    used: z.int().describe('The units consumed and settled'),
    reversed: z.int().describe('The units given back'),
    users: z.int().describe('The number of users who used units'),
  })
  .meta({ id: 'UsageSummary' });
