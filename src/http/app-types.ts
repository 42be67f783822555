import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ProblemCode } from './problem-table.ts';

/** The application, or an encapsulated scope of it, whose schemas are zod's. */
export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/**
 * Who may call a route: anybody, a key with the scope (`admin` implies the others within its
 * project), or the platform key alone. Every route says so, or the start fails.
 */
export type RouteAuth = 'open' | 'read' | 'checkout' | 'admin' | 'platform';

declare module 'fastify' {
  interface FastifyContextConfig {
    auth?: RouteAuth;
    /** Without a `project_id`, the platform key reads all projects; other routes require it to name one. */
    allProjects?: true;
    /** What the route may answer with beside what all of its kind may; the contract promises these. */
    problems?: readonly ProblemCode[];
  }
}
