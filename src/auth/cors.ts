import type { FastifyReply } from 'fastify';
import type { App } from '../http/app-types.ts';
import type { ProjectOrigins } from './project-origins.ts';

/** How long browsers cache a preflight, seconds. Every request is still checked on its own. */
const preflightMaxAge = 600;

/** The headers that a page may send with a request, and those of a response that it may read. */
const requestHeaders = 'authorization, cache-control, content-type, if-none-match, last-event-id';
const responseHeaders = 'etag, latchkey-cache, latchkey-revision, retry-after, x-request-id';

/**
 * Sets the headers that let a page from another origin read a response
 * (https://fetch.spec.whatwg.org/#cors-protocol).
 */
export interface Cors {
  /** Lets pages of the project's origins read the response to a request with the project's user token. */
  allowProject(
    reply: FastifyReply,
    origin: string | undefined,
    projectId: string | null,
  ): Promise<void>;
  /**
   * Lets pages from the origins of any project read a response whose project is unknown, such as to an expired
   * token.
   */
  allowAny(reply: FastifyReply, origin: string | undefined): Promise<void>;
}

/** Creates the response headers for pages, based on the projects' `redirect_origins`. */
export function createCors(origins: ProjectOrigins): Cors {
  function allow(reply: FastifyReply, origin: string): void {
    void reply.headers({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': responseHeaders,
    });
  }

  return {
    async allowProject(reply, origin, projectId) {
      void reply.header('vary', 'Origin');
      if (origin === undefined || projectId === null) return;
      if ((await origins.of(projectId))?.has(origin) === true) allow(reply, origin);
    },
    async allowAny(reply, origin) {
      void reply.header('vary', 'Origin');
      if (origin !== undefined && (await origins.has(origin))) allow(reply, origin);
    },
  };
}

/**
 * Registers preflight handlers for routes that accept user tokens. A preflight carries no token, so the
 * origins of all projects are allowed. Must be installed before the routes.
 */
export function installPreflights(app: App, cors: Cors): void {
  const known = new Set<string>();
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.userTokens === undefined || known.has(url)) return;
    known.add(url);
    app.options(
      url,
      { config: { auth: 'open' }, schema: { hide: true } },
      async (request, reply) => {
        await cors.allowAny(reply, request.headers.origin);
        if (reply.hasHeader('access-control-allow-origin')) {
          void reply.headers({
            'access-control-allow-methods': String(method),
            'access-control-allow-headers': requestHeaders,
            'access-control-max-age': preflightMaxAge,
          });
        }
        return reply.code(204).send();
      },
    );
  });
}
