import type { FastifyRequest } from 'fastify';

export const scopes = ['read', 'checkout', 'admin'] as const;
export type KeyScope = (typeof scopes)[number];

/** The actor of requests with the platform key. */
export const platformActor = 'platform';

/** The caller of a request. */
export interface Caller {
  /** The key's id, or `platformActor`. */
  actor: string;
  /** Null for the platform key. */
  projectId: string | null;
  /** `admin` includes the others; the platform key has all. */
  scopes: ReadonlySet<KeyScope>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on open routes. */
    caller: Caller | null;
  }
}

/** Returns the caller of a route that is not open. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('an open route has no caller');
  return request.caller;
}
