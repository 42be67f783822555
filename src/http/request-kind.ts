import type { RouteAuth } from './app-types.ts';

/** Kinds of requests. They differ in urgency and in what they wait for. */
export type RequestKind = 'read' | 'checkout' | 'usage' | 'operator';

/** Returns the kind of a route's requests; undefined for open routes. */
export function kindOf(auth: RouteAuth | undefined): RequestKind | undefined {
  if (auth === undefined || auth === 'open') return undefined;
  return auth === 'admin' || auth === 'platform' ? 'operator' : auth;
}
