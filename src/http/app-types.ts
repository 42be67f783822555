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
 * Callers that a route accepts: anyone, keys with the scope (`admin` includes the others within its project),
 * or the platform key alone. Startup fails if a route sets none.
 */
export type RouteAuth = 'open' | 'read' | 'checkout' | 'admin' | 'platform';

/** Further fields of the problems of a route, for another protocol. */
export interface ProblemShape {
  /** The schema of the whole problem. */
  schema: ZodType;
  fieldsOf: (problem: ProblemError, request: FastifyRequest) => object;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    auth?: RouteAuth;
    /**
     * Whether a user token may read the route. Its handler must limit the answer to the token's user
     * (`readableUser` in auth/caller.ts). `inQuery`: the token may also come as `access_token`, for clients
     * that send no headers.
     */
    userTokens?: 'inHeader' | 'inQuery';
    /** Whether a key or user token may also come as `X-API-Key`. */
    apiKeyHeader?: true;
    /** Whether the platform key may omit `project_id`, which then means all projects. */
    allProjects?: true;
    /**
     * The problems that the route may respond with, in addition to those of all routes of its kind. The
     * contract promises these.
     */
    problems?: readonly ProblemCode[];
    /** Parts of a request that the contract documents and the handler checks, such as a signed body. */
    documented?: { body?: ZodType; headers?: ZodType };
    problemShape?: ProblemShape;
  }
}
