import { z } from 'zod';
import {
  featureCodeSchema,
  isoInstant,
  isoInstantSchema,
  instantSchema,
  jsonOutSchema,
  listQuery,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { type Rule, rules, type Why, whys } from './core/explain.ts';
import { sourcesOf, valueOf } from './core/segment-sources.ts';
import type { EvidencedExplanation } from './query/load-explanation.ts';
import type { FeatureUser } from './query/load-feature-users.ts';
import type { RecordedSegment } from './query/load-history.ts';
import {
  answerReasonSchema,
  entitlementsResponse,
  featureTypeSchema,
  sourceSchema,
  wordsSchema,
} from './schemas.ts';

export const batchBody = z.strictObject({
  project_id: projectIdSchema.optional(),
  user_ids: z
    .array(userIdSchema)
    .max(100)
    .describe('The answers are in this order. A repeated id gets a repeated answer.'),
  feature_codes: z
    .array(featureCodeSchema)
    .max(100)
    .optional()
    .describe('Limits the answer to these features'),
  include: z
    .array(z.enum(['reasons']))
    .max(10)
    .optional()
    .describe('`reasons`: adds `denied` to each answer'),
});

export const batchResponse = z.object({ data: z.array(entitlementsResponse) });

export const explainQuery = z.strictObject({
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
  feature_code: featureCodeSchema,
  at: instantSchema
    .optional()
    .describe('Evaluates the current facts at this instant instead of now'),
});

const windowSchema = {
  valid_from: isoInstantSchema,
  valid_to: isoInstantSchema
    .nullable()
    .describe('`null` if the window has no end. If equal to `valid_from`, the window is empty.'),
};

export const explainResponse = z
  .object({
    user_id: z.string(),
    feature_code: z.string(),
    allowed: z.boolean(),
    reason: answerReasonSchema,
    value: jsonOutSchema.describe('`null` if denied'),
    rule: wordsSchema<Rule>(rules),
    sources: z
      .array(
        sourceSchema.extend({
          ...windowSchema,
          began_at: isoInstantSchema
            .optional()
            .describe(
              'When the subscription or purchase began; absent for grants. A revocation without `block` revokes sources that began at or before its `recorded_at`',
            ),
          value: jsonOutSchema.describe('The value of this source alone'),
          counted: z.boolean(),
          why: wordsSchema<Why>(whys),
          stripe_ids: z.array(z.string()).describe('The Stripe objects behind the source'),
          event_ids: z
            .array(z.string())
            .describe('The newest 20 stored events about these objects, newest first'),
          audit_id: z
            .string()
            .optional()
            .describe('The latest audit row about the source; only for grants'),
        }),
      )
      .describe('All sources that include the feature, whether or not they count'),
    revocations: z
      .array(
        z.object({
          id: z.string(),
          ...windowSchema,
          recorded_at: isoInstantSchema,
          block: z
            .boolean()
            .describe('Whether the revocation also revokes sources that begin later'),
          decides: z
            .boolean()
            .describe(
              'Whether the revocation revokes a source that would otherwise count or, if no source would, causes the denial',
            ),
          audit_id: z.string().nullable().describe('The latest audit row about the revocation'),
        }),
      )
      .describe('Last recorded first'),
  })
  .meta({ id: 'Explanation' });

/** Maps an explanation to the body of `GET /entitlements/explain`. */
export function toExplanationDto(
  userId: string,
  featureCode: string,
  explanation: EvidencedExplanation,
): z.infer<typeof explainResponse> {
  const { allowed, reason, value, rule, evidence, auditIds } = explanation;
  return {
    user_id: userId,
    feature_code: featureCode,
    allowed,
    reason,
    value,
    rule,
    sources: explanation.sources.map((source) => {
      const { stripeIds, eventIds } = evidence.get(source.ref.id) ?? {
        stripeIds: [],
        eventIds: [],
      };
      const auditId = auditIds.get(source.ref.id);
      return {
        ...source.ref,
        valid_from: isoInstant(source.validFrom),
        valid_to: isoInstant(source.validTo),
        ...(source.beganAt === null ? {} : { began_at: isoInstant(source.beganAt) }),
        value: source.value,
        counted: source.counted,
        why: source.why,
        // An item's own id distinguishes it from other items of the same subscription.
        stripe_ids: source.ref.type === 'subscription' ? [source.partId, ...stripeIds] : stripeIds,
        event_ids: eventIds,
        ...(auditId === undefined ? {} : { audit_id: auditId }),
      };
    }),
    revocations: explanation.revocations.map((revocation) => ({
      id: revocation.id,
      valid_from: isoInstant(revocation.validFrom),
      valid_to: isoInstant(revocation.validTo),
      recorded_at: isoInstant(revocation.recordedAt),
      block: revocation.block,
      decides: revocation.decides,
      audit_id: auditIds.get(revocation.id) ?? null,
    })),
  };
}

export const historyQuery = z.strictObject({
  ...listQuery,
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema,
  feature_code: featureCodeSchema.optional(),
});

export const recordedSegmentSchema = z
  .object({
    feature_code: z.string(),
    type: featureTypeSchema,
    allowed: z.boolean(),
    reason: answerReasonSchema,
    value: jsonOutSchema.describe('`null` if denied'),
    sources: z.array(sourceSchema),
    valid_from: isoInstantSchema.nullable().describe('`null` if the segment has no start'),
    valid_to: isoInstantSchema.nullable().describe('`null` if the segment has no end'),
    recorded_at: isoInstantSchema.describe('When answers began to include the segment'),
    superseded_at: isoInstantSchema
      .nullable()
      .describe('When answers stopped including the segment; `null` if they still do'),
  })
  .meta({ id: 'RecordedSegment' });

export function toRecordedSegmentDto(
  segment: RecordedSegment,
): z.infer<typeof recordedSegmentSchema> {
  return {
    feature_code: segment.featureCode,
    type: segment.featureType,
    allowed: segment.reason === 'granted',
    reason: segment.reason,
    value: valueOf(segment),
    sources: sourcesOf(segment),
    valid_from: isoInstant(segment.validFrom),
    valid_to: isoInstant(segment.validTo),
    recorded_at: isoInstant(segment.recordedAt),
    superseded_at: isoInstant(segment.supersededAt),
  };
}

export const featureUsersParams = z.strictObject({ feature_code: featureCodeSchema });

export const featureUsersQuery = z.strictObject({
  ...listQuery,
  project_id: projectIdSchema.optional(),
  at: instantSchema
    .optional()
    .describe('Evaluates the current facts at this instant instead of now'),
});

export const featureUserSchema = z
  .object({
    user_id: z.string(),
    value: jsonOutSchema,
    valid_from: isoInstantSchema.nullable(),
    valid_to: isoInstantSchema
      .nullable()
      .describe('The end of the unbroken period with this value; `null` if the period has no end'),
  })
  .meta({ id: 'FeatureUser' });

export function toFeatureUserDto(user: FeatureUser): z.infer<typeof featureUserSchema> {
  return {
    user_id: user.userId,
    value: user.value,
    valid_from: user.validFrom,
    valid_to: user.validTo,
  };
}
