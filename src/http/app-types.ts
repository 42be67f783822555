import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ZodType } from 'zod';
import type { ProblemCode } from './problem-table.ts';
import type { ProblemError } from './problem.ts';

/** The Fastify application, or an encapsulated scope of it, with zod schemas. */
export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/**
 * The callers that a route accepts: anyone, keys with the scope (within its project, `admin` includes the
 * other scopes), or only the platform key. Startup fails if a route sets none.
 */
export type RouteAuth = 'open' | 'read' | 'checkout' | 'usage' | 'admin' | 'platform';

/** Additional fields in the problems of a route, for a protocol that requires them. */
export interface ProblemShape {
  /** The schema of the whole problem. */
  schema: ZodType;
  fieldsOf: (problem: ProblemError, request: FastifyRequest) => object;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    auth?: RouteAuth;
    /** Another scope with which keys may call the route. */
    alsoScope?: 'usage';
    /**
     * How a user token may be sent to the route; absent if the route accepts none. The handler must limit the
     * answer to the token's user (`readableUser` in auth/caller.ts). `inQuery` also accepts the token as
     * `access_token`, for clients that cannot send headers.
     */
    userTokens?: 'inHeader' | 'inQuery';
    /** Whether a key or user token may also be sent as `X-API-Key`. */
    apiKeyHeader?: true;
    /** Whether the platform key may omit `project_id`, which then means all projects. */
    allProjects?: true;
    /**
     * The problems that the route may respond with, in addition to those that all routes of its kind have.
     * They are part of the contract.
     */
    problems?: readonly ProblemCode[];
    /**
     * Parts of a request that the contract documents but the handler itself checks, such as a signed body.
     */
    documented?: { body?: ZodType; headers?: ZodType };
    problemShape?: ProblemShape;
  }
}
