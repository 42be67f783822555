import type { FastifyReply } from 'fastify';
import type { App } from '../http/app-types.ts';
import type { ProjectOrigins } from './project-origins.ts';

/** Lifetime of a preflight in browsers, seconds. Every request is checked on its own, whatever it says. */
const preflightMaxAge = 600;

/** Headers of a request that a page may send, and of a response that it may read. */
const requestHeaders = 'authorization, cache-control, content-type, if-none-match, last-event-id';
const responseHeaders = 'etag, latchkey-cache, latchkey-revision, retry-after, x-request-id';

/** Sets the headers that let a page of another origin read a response (https://fetch.spec.whatwg.org/#cors-protocol). */
export interface Cors {
  /** For a response to the user token of a project: pages of the project's origins may read it. */
  allowProject(
    reply: FastifyReply,
    origin: string | undefined,
    projectId: string | null,
  ): Promise<void>;
  /** For a response that belongs to no project: pages of every project's origins may read it. */
  allowAny(reply: FastifyReply, origin: string | undefined): Promise<void>;
}

/** Creates the headers for pages, from the `redirect_origins` of the projects. */
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
 * Answers preflights of the routes that user tokens may read. A preflight carries no token, so it passes for
 * the origins of every project. Must be installed before the routes.
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
