import { z } from 'zod';
import { isoInstantSchema, jsonOutSchema } from '../http/schemas.ts';
import { type AnswerReason, type CheckReason, checkReasons, reasons } from './core/reasons.ts';

export const sourceSchema = z.object({
  type: z.enum(['subscription', 'purchase', 'grant']),
  id: z.string(),
  price_id: z.string().optional(),
});

export const featureTypeSchema = z.enum(['boolean', 'limit', 'config', 'metered']);

/** Returns the schema of a closed list of words, each with its meaning. */
export function wordsSchema<Word extends string>(meanings: Readonly<Record<Word, string>>) {
  const list = Object.keys(meanings) as [Word, ...Word[]]; // exactly the keys of the record
  const said = list.map((word) => `\`${word}\`: ${meanings[word]}`).join('; ');
  return z.enum(list).describe(said);
}

/** Why a feature is granted or denied. */
export const answerReasonSchema = wordsSchema<AnswerReason>(reasons);

/** Why an amount of a feature may be used, or not. */
export const checkReasonSchema = wordsSchema<CheckReason>(checkReasons);

const entitlementSchema = z.object({
  feature_code: z.string(),
  type: featureTypeSchema,
  value: jsonOutSchema.describe(
    '`true` for a `boolean`; an integer or `"unlimited"` for a `limit`; any JSON value for a `config`; `{allowances: [{amount, every, source}]}` or `"unlimited"` for a `metered` feature',
  ),
  valid_from: isoInstantSchema.nullable(),
  valid_to: isoInstantSchema
    .nullable()
    .describe('The end of the unbroken period with this value; `null` if the period has no end'),
  sources: z.array(sourceSchema).describe('The sources that count now'),
});

/** The body of `GET /entitlements`. */
export const entitlementsResponse = z
  .object({
    project_id: z.string(),
    user_id: z.string(),
    revision: z.int().describe("Grows by one with every change to the user's stored timeline"),
    entitlements: z.array(entitlementSchema),
    next_change_at: isoInstantSchema
      .nullable()
      .describe(
        'The next instant at which time alone changes this answer; `null` if it never does',
      ),
    denied: z
      .record(z.string(), answerReasonSchema)
      .optional()
      .describe(
        'Why each other feature of the project, including archived ones, is denied. Only with `include=reasons`.',
      ),
  })
  .meta({
    id: 'Entitlements',
    examples: [
      {
        project_id: 'notes',
        user_id: 'u_42',
        revision: 17,
        entitlements: [
          {
            feature_code: 'export',
            type: 'boolean',
            value: true,
            valid_from: '2026-11-01T00:00:00.000Z',
            valid_to: null,
            sources: [{ type: 'subscription', id: 'sub_123', price_id: 'price_9' }],
          },
        ],
        next_change_at: null,
      },
    ],
  });

/** The body of `GET /entitlements/check`. */
export const checkResponse = z
  .object({
    allowed: z.boolean(),
    reason: checkReasonSchema,
    value: jsonOutSchema.describe('`null` if denied'),
    valid_to: isoInstantSchema.nullable(),
    revision: z.int(),
    balance: z
      .int()
      .nullable()
      .optional()
      .describe('What is left of a metered feature, `null` if unlimited; absent for others'),
  })
  .meta({
    id: 'Check',
    examples: [{ allowed: true, reason: 'granted', value: true, valid_to: null, revision: 17 }],
  });
