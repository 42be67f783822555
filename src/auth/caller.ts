import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../http/problem.ts';

export const scopes = ['read', 'checkout', 'usage', 'admin'] as const;
export type KeyScope = (typeof scopes)[number];

/** The actor of requests with the platform key. */
export const platformActor = 'platform';

/** The caller of a request. */
export interface Caller {
  /** The key's id, `platformActor`, or the identity of a user token's user. */
  actor: string;
  /** Null for the platform key. */
  projectId: string | null;
  /** The scopes of the caller. `admin` includes the others. The platform key has all of them. */
  scopes: ReadonlySet<KeyScope>;
  /** The only user that a user token may read; null for keys. */
  user: TokenUser | null;
}

interface TokenUser {
  userId: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  token: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on open routes. */
    caller: Caller | null;
  }
}

/** Returns the caller of a request to a route that is not open. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null)
    throw new Error('`callerOf` was called on an open route, which has no caller');
  return request.caller;
}

/**
 * Returns the user that a request reads: the given one or, with a user token, the token's user. Rejecting
 * another user depends only on the request, so it does not reveal whether that user exists.
 *
 * @throws ProblemError `scope_missing`.
 */
export function readableUser(caller: Caller, given: string): string;
export function readableUser(caller: Caller, given: string | undefined): string | undefined;
export function readableUser({ user }: Caller, given: string | undefined): string | undefined {
  if (user === null) return given;
  if (given === undefined || given === user.userId) return user.userId;
  throw new ProblemError(
    'scope_missing',
    'The user token is for another user. Leave the user out, or get a token for this user from your server.',
  );
}
