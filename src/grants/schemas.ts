import { z } from 'zod';
import { givenValueSchema } from '../entitlements/feature-value.ts';
import {
  featureCodeSchema,
  isoInstantSchema,
  jsonOutSchema,
  instantSchema,
  projectIdSchema,
  reasonSchema,
  userIdSchema,
} from '../http/schemas.ts';

const idSchema = z
  .string()
  .regex(/^[a-z0-9_]{1,64}$/, 'must be the id of a grant or revocation, such as `gr_…`');

const givenGrant = z.strictObject({
  user_id: userIdSchema,
  feature_code: featureCodeSchema,
  value: givenValueSchema.optional(),
  valid_from: instantSchema.optional(),
  valid_to: instantSchema.optional(),
});
export type GivenGrant = z.infer<typeof givenGrant>;

export const grantBody = givenGrant.extend({
  project_id: projectIdSchema.optional(),
  reason: reasonSchema,
});
export type GrantBody = z.infer<typeof grantBody>;

export const bulkBody = z.strictObject({
  project_id: projectIdSchema.optional(),
  grants: z.array(givenGrant).min(1).max(1_000),
  atomic: z
    .boolean()
    .default(true)
    .describe(
      'With `true`, creates all grants or none. With `false`, creates the valid grants and returns a problem for each invalid grant.',
    ),
  reason: reasonSchema,
});
export type BulkBody = z.infer<typeof bulkBody>;

/** A request to revoke a feature, to end one grant, or to end all grants of a feature. */
export type RevokeRequest =
  | { kind: 'grant'; grantId: string; reason: string }
  | { kind: 'grants'; userId: string; featureCode: string; reason: string }
  | {
      kind: 'feature';
      userId: string;
      featureCode: string;
      validFrom: number | undefined;
      validTo: number | undefined;
      block: boolean;
      reason: string;
    };

const ofRevocation = ['valid_from', 'valid_to', 'block'] as const;
const ofFeature = ['user_id', 'feature_code', ...ofRevocation, 'grants_only'] as const;
type RevokeField = (typeof ofFeature)[number];

/** A single object rather than a union of three, so that errors name the right fields. */
export const revokeBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    user_id: userIdSchema.optional(),
    feature_code: featureCodeSchema.optional(),
    valid_from: instantSchema.optional(),
    valid_to: instantSchema.optional(),
    block: z
      .boolean()
      .optional()
      .describe(
        'With `true`, the revocation affects all sources, including later purchases, until it is lifted. Otherwise it affects only sources that began earlier.',
      ),
    grants_only: z
      .boolean()
      .optional()
      .describe(
        'With `true`, ends all manual grants of the feature now, including future ones, and nothing else',
      ),
    grant_id: idSchema
      .optional()
      .describe('The grant to end. Send it instead of `user_id` and `feature_code`.'),
    reason: reasonSchema,
  })
  .meta({
    'x-examples': {
      feature: {
        value: { user_id: 'u_42', feature_code: 'export', reason: 'support ticket 4711' },
      },
      grant: { value: { grant_id: 'gr_9', reason: 'support ticket 4711' } },
    },
  })
  .transform((body, context): RevokeRequest & { projectId: string | undefined } => {
    const { project_id: projectId, user_id: userId, feature_code: featureCode, reason } = body;
    const reject = (fields: readonly RevokeField[], message: string) => {
      for (const path of fields) context.addIssue({ code: 'custom', path: [path], message });
    };
    const isGiven = (field: RevokeField): boolean => body[field] !== undefined;
    if (body.grant_id !== undefined) {
      reject(ofFeature.filter(isGiven), 'must be left out with `grant_id`, which names one grant');
      return { projectId, kind: 'grant', grantId: body.grant_id, reason };
    }
    if (userId === undefined || featureCode === undefined) {
      const required = ['user_id', 'feature_code'] as const;
      reject(
        required.filter((field) => !isGiven(field)),
        'is required without `grant_id`',
      );
      return z.NEVER;
    }
    if (body.grants_only === true) {
      reject(
        ofRevocation.filter(isGiven),
        'must be left out with `grants_only`, which ends grants now: to revoke the feature, leave out `grants_only`',
      );
      return { projectId, kind: 'grants', userId, featureCode, reason };
    }
    const { valid_from: validFrom, valid_to: validTo, block = false } = body;
    return { projectId, kind: 'feature', userId, featureCode, validFrom, validTo, block, reason };
  });

export const revocationParams = z.strictObject({ id: idSchema });
export const liftQuery = z.strictObject({
  project_id: projectIdSchema.optional(),
  reason: reasonSchema,
});

export const listFilter = {
  project_id: projectIdSchema.optional(),
  user_id: userIdSchema.optional(),
  feature_code: featureCodeSchema.optional(),
  active: z
    .enum(['true', 'false'])
    .optional()
    .describe('`true`: only those in force now; `false`: only those not in force now'),
};
export type ListFilter = z.infer<z.ZodObject<typeof listFilter>>;

export const grantOut = z.strictObject({
  id: z.string(),
  user_id: z.string(),
  feature_code: z.string(),
  value: jsonOutSchema.describe("A value of the feature's type"),
  valid_from: isoInstantSchema,
  valid_to: isoInstantSchema.nullable(),
  ended_at: isoInstantSchema.nullable().describe('When an operator ended the grant early'),
  reason: z.string(),
  created_at: isoInstantSchema,
});
export type GrantDto = z.infer<typeof grantOut>;

export const revocationOut = z.strictObject({
  id: z.string(),
  user_id: z.string(),
  feature_code: z.string(),
  valid_from: isoInstantSchema,
  valid_to: isoInstantSchema.nullable(),
  lifted_at: isoInstantSchema.nullable().describe('When an operator lifted the revocation early'),
  block: z
    .boolean()
    .describe(
      'Whether the revocation affects all sources. If not, it affects only sources that began by `created_at`.',
    ),
  reason: z.string(),
  created_at: isoInstantSchema,
});
export type RevocationDto = z.infer<typeof revocationOut>;

const change = {
  audit_id: z.string(),
  revision: z.int().describe("The user's revision after the change"),
};
export const grantChanged = z.strictObject({ grant: grantOut, ...change });
export type GrantChange = z.infer<typeof grantChanged>;
export const revocationChanged = z.strictObject({ revocation: revocationOut, ...change });
export type RevocationChange = z.infer<typeof revocationChanged>;

/** The result for one grant of many: the grant, or the problem with it. */
const bulkResult = z.strictObject({
  user_id: z.string(),
  feature_code: z.string(),
  grant: grantOut.nullable().describe('The created grant; `null` if it was refused'),
  audit_id: z.string().nullable().describe('`null` if the grant was refused'),
  revision: z
    .int()
    .nullable()
    .describe("The user's revision after the request; `null` if the grant was refused"),
  problem: z
    .strictObject({ code: z.string(), detail: z.string() })
    .nullable()
    .describe(
      'The problem that a request for just this grant would return; `null` if the grant was created',
    ),
});
export const bulkGranted = z.strictObject({
  granted: z.int().describe('Number of created grants'),
  refused: z.int().describe('Number of invalid grants, which were not created'),
  results: z.array(bulkResult).describe('The results, in the order of the request'),
});
export type BulkGranted = z.infer<typeof bulkGranted>;

const access = {
  had_access: z.boolean().describe('Whether the user could use the feature before the change'),
  has_access: z
    .boolean()
    .describe('Whether the user can use the feature after the change, through any source'),
};
export type Access = z.infer<z.ZodObject<typeof access>>;

const grantsEnded = z.strictObject({
  grants: z.array(grantOut).describe('The grants that were ended, ordered by id'),
  audit_ids: z.array(z.string()).describe('The audit row for each grant, in the same order'),
  audit_id: z
    .string()
    .nullable()
    .describe('The last of `audit_ids`; `null` if there was no grant to end'),
  revision: change.revision,
  ...access,
});
export type GrantsEnded = z.infer<typeof grantsEnded>;

export const revoked = z.union([
  grantChanged.extend(access),
  grantsEnded,
  revocationChanged.extend(access),
]);
