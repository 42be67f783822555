import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Signing } from '../signing/signing.ts';
import { type Cors, createCors } from './cors.ts';
import { createProjectOrigins } from './project-origins.ts';
import { createUserTokens, type UserTokens } from './user-tokens.ts';

/** What browser pages need to read entitlements: user tokens, and response headers for other origins. */
export interface BrowserAccess {
  tokens: UserTokens;
  cors: Cors;
}

export function createBrowserAccess(deps: {
  signing: Signing;
  database: Database;
  clock: Clock;
  monotonic: Clock;
}): BrowserAccess {
  const origins = createProjectOrigins(deps);
  return { tokens: createUserTokens({ ...deps, origins }), cors: createCors(origins) };
}
