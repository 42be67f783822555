import type { FastifyRequest } from 'fastify';

export const scopes = ['read', 'checkout', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Who the platform key is, in the audit and everywhere. */
export const platformActor = 'platform';

/** Who asks. */
export interface Caller {
  /** The key's id, or `platformActor`. */
  actor: string;
  /** Null for the platform key. */
  projectId: string | null;
  /** With `admin` come the others; the platform key has all. */
  scopes: ReadonlySet<Scope>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on open routes. */
    caller: Caller | null;
  }
}

/** The caller of a route that is not open. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('a route that is open asks for its caller');
  return request.caller;
}
