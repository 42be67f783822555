import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import { prefersToJson } from '../http/accept.ts';
import type { App } from '../http/app-types.ts';
import { isoInstant, isoInstantSchema, projectIdSchema, userIdSchema } from '../http/schemas.ts';
import type { Database } from '../platform/database.ts';
import { enabledSigning, type Signing } from '../signing/signing.ts';
import { documentClaims } from './core/document.ts';
import { grantedValues } from './read/cached-answer.ts';
import { costOfRead, freshnessQuery, readAsAsked } from './read/read-as-asked.ts';
import type { ReadDeps } from './read/read-entitlements.ts';

export interface DocumentRouteDeps extends ReadDeps {
  database: Database;
  access: ProjectAccess;
  signing: Signing | null;
}

const mediaType = 'application/jwt';

/** Registers the route for signed documents: an answer that an app verifies by itself. */
export function documentRoutes(app: App, deps: DocumentRouteDeps): void {
  const { access, clock, metrics } = deps;

  app.get(
    '/api/v1/entitlements/document',
    {
      config: {
        auth: 'read',
        cost: costOfRead,
        problems: ['documents_disabled', 'revision_not_reached'],
      },
      schema: {
        tags: ['Documents'],
        summary: `Get a signed document that states what a user may use now. With \`Accept: ${mediaType}\`, the response is the document alone.`,
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema,
          ttl_seconds: z.coerce
            .number()
            .int()
            .min(1)
            .max(86_400)
            .default(300)
            .describe(
              'Maximum lifetime, seconds. The document expires earlier if the answer changes earlier.',
            ),
          ...freshnessQuery,
        }),
        response: {
          200: {
            description:
              'The document, a compact JWS. Its signature is verified with a key from `/.well-known/jwks.json`.',
            content: {
              'application/json': {
                schema: z.object({
                  document: z.string().describe('Compact JWS (RFC 7515), Ed25519'),
                  expires_at: isoInstantSchema,
                }),
              },
              [mediaType]: { schema: z.string() },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const user = {
        projectId: await access.projectOf(request, query.project_id),
        userId: query.user_id,
      };
      const signing = enabledSigning(deps.signing);
      const { from, answer } = await readAsAsked(deps, user, query);
      const { text, expiresAt } = documentClaims(
        {
          ...user,
          issuer: signing.issuer,
          id: randomUUID(),
          revision: answer.revision,
          values: grantedValues(answer),
          nextChangeAt: answer.nextChangeAt,
        },
        query.ttl_seconds,
        clock(),
      );
      const document = signing.sign('latchkey-entitlements+jwt', text);
      metrics.signed.inc({ type: 'document' });
      void reply.headers({
        'cache-control': 'private, no-store',
        'latchkey-cache': from,
        'latchkey-revision': answer.revision,
        vary: 'Accept',
      });
      return prefersToJson(request.headers.accept, mediaType)
        ? reply.type(mediaType).send(document)
        : { document, expires_at: isoInstant(expiresAt) };
    },
  );
}
