import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProblemShape } from '../http/app-types.ts';
import type { ProblemError } from '../http/problem.ts';
import {
  isoInstantSchema,
  jsonOutSchema,
  problemSchema,
  projectIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import { errorCodeOf, errorCodes } from './core/ofrep.ts';
import { answerReasonSchema } from './schemas.ts';

export const evaluationBody = z
  .strictObject({
    project_id: projectIdSchema.optional(),
    context: z
      .looseObject({
        targetingKey: userIdSchema
          .optional()
          .describe(
            "The user's id. Required with an API key. With a user token, defaults to the user of the token.",
          ),
      })
      .optional()
      .describe('Only `targetingKey` is read'),
  })
  .meta({ examples: [{ context: { targetingKey: 'u_42' } }] });

export const evaluationParams = z.strictObject({ feature_code: z.string().max(300) });

export const bulkQuery = z.strictObject({
  flagConfigEtag: z
    .string()
    .max(200)
    .optional()
    .describe('The `etag` of a change event. The answer includes that change.')
    .meta({ examples: ['"1-mhz3k9c0"'] }),
  flagConfigLastModified: z
    .string()
    .max(200)
    .optional()
    .describe('Ignored')
    .meta({ examples: ['1793491200'] }),
});

export const evaluationResponse = z
  .object({
    key: z.string(),
    value: jsonOutSchema
      .optional()
      .describe(
        'For a `boolean`: whether the feature is granted. For a `limit`: a number, which is 0 if the feature is denied, and 9007199254740991 if it is unlimited. For a `config`: the JSON value, absent if the feature is denied.',
      ),
    reason: z.enum(['TARGETING_MATCH', 'DISABLED']),
    variant: z.enum(['granted', 'denied']),
    metadata: z.object({
      reason: answerReasonSchema,
      revision: z.int(),
      valid_to: isoInstantSchema.optional(),
      unlimited: z.literal(true).optional(),
    }),
  })
  .meta({ id: 'Evaluation' });

export const bulkResponse = z.object({
  flags: z.array(evaluationResponse),
  metadata: z.object({ revision: z.int() }),
  eventStreams: z
    .array(z.object({ type: z.literal('sse'), url: z.string() }))
    .optional()
    .describe('Absent if the service has no signing keys'),
});

/** The schema of problems on the protocol's routes: the usual fields, and the error fields of the protocol. */
export const ofrepProblem: ProblemShape = {
  schema: problemSchema
    .extend({
      key: z.string().optional().describe('The feature, if the path names one'),
      errorCode: z.enum(errorCodes),
      errorDetails: z.string(),
    })
    .meta({ id: 'EvaluationProblem' }),
  fieldsOf(problem: ProblemError, { params, body }: FastifyRequest) {
    const key =
      typeof params === 'object' && params !== null && 'feature_code' in params
        ? { key: params.feature_code }
        : {};
    const paths = (problem.errors ?? []).map(({ path }) => path);
    return {
      ...key,
      errorCode: errorCodeOf(problem.code, paths, body),
      errorDetails: problem.message,
    };
  },
};
