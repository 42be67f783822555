import type { FastifyRequest } from 'fastify';

export const scopes = ['read', 'checkout', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Who asks. */
export interface Caller {
  /** The key's id, or `platform`. */
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
