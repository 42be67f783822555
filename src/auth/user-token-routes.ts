import { z } from 'zod';
import type { App } from '../http/app-types.ts';
import { ProblemError } from '../http/problem.ts';
import { isoInstant, isoInstantSchema, projectIdSchema, userIdSchema } from '../http/schemas.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { ProjectAccess } from './project-access.ts';
import type { UserTokens } from './user-tokens.ts';

export interface UserTokenRouteDeps {
  access: ProjectAccess;
  clock: Clock;
  metrics: Metrics;
  /** Null if the service has no signing keys. */
  userTokens: UserTokens | null;
}

/** Registers the route with which an app's server gets a token for one user's browser. */
export function userTokenRoutes(app: App, deps: UserTokenRouteDeps): void {
  const { access, clock, metrics, userTokens } = deps;

  app.post(
    '/api/v1/user-tokens',
    {
      config: { auth: 'checkout', cost: 0, problems: ['documents_disabled'] },
      schema: {
        tags: ['User tokens'],
        summary: 'Create a token with which a browser reads the entitlements of one user',
        body: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema,
          ttl_seconds: z
            .number()
            .int()
            .min(1)
            .max(3_600)
            .default(900)
            .describe('Lifetime of the token, seconds'),
        }),
        response: {
          201: z.object({
            token: z.string().describe('Send it as `Authorization: Bearer TOKEN`'),
            expires_at: isoInstantSchema,
          }),
        },
      },
    },
    async (request, reply) => {
      const { project_id: given, user_id: userId, ttl_seconds: ttlSeconds } = request.body;
      const projectId = await access.projectOf(request, given);
      if (userTokens === null) throw new ProblemError('documents_disabled');
      const { token, expiresAt } = userTokens.issue({ projectId, userId }, clock(), ttlSeconds);
      metrics.signed.inc({ type: 'user_token' });
      return reply.code(201).send({ token, expires_at: isoInstant(expiresAt) });
    },
  );
}
