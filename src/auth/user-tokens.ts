import { z } from 'zod';
import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Signing } from '../signing/signing.ts';
import type { Caller } from './caller.ts';
import type { ProjectOrigins } from './project-origins.ts';

/** Maximum number of verified tokens that are cached, and the maximum length of a token. */
const maxEntries = 10_000;
const maxLength = 4_096;

const claimsSchema = z.object({
  iss: z.string(),
  aud: z.string(),
  sub: z.string(),
  exp: z.number(),
});

/** Tokens with which a browser reads one user's entitlements. Instants are epoch milliseconds. */
export interface UserTokens {
  /** Returns a token that is valid from `issuedAt`, rounded down to the second, for `ttlSeconds`. */
  issue(
    user: { projectId: string; userId: string },
    issuedAt: number,
    ttlSeconds: number,
  ): { token: string; expiresAt: number };
  /**
   * Returns the caller of a token.
   *
   * @throws ProblemError `unauthorized` if the token is not valid now, or the token's project does not exist.
   */
  find(token: string): Promise<Caller>;
}

type TokenCaller = Caller & { projectId: string; user: NonNullable<Caller['user']> };

/** Returns whether a credential has the form of a signed token. API keys never have this form. */
export function isToken(credential: string): boolean {
  return credential.startsWith('eyJ');
}

export function createUserTokens(deps: {
  signing: Signing;
  origins: ProjectOrigins;
  clock: Clock;
}): UserTokens {
  const { signing, origins, clock } = deps;
  const known = new Map<string, TokenCaller>();

  /**
   * Returns the caller of a token; null if its signature or claims are invalid. Caches the result, so the
   * expiry is checked separately.
   */
  function callerOf(token: string): TokenCaller | null {
    const remembered = known.get(token);
    if (remembered !== undefined) return remembered;
    const claims = token.length > maxLength ? null : signing.verify('latchkey-user+jwt', token);
    const parsed = claims === null ? null : claimsSchema.safeParse(JSON.parse(claims));
    if (parsed?.success !== true || parsed.data.iss !== signing.issuer) return null;
    const { aud: projectId, sub: userId, exp } = parsed.data;
    const caller: TokenCaller = {
      actor: `user ${projectId} ${userId}`,
      projectId,
      scopes: new Set(),
      user: { userId, expiresAt: exp * 1_000, token },
    };
    const [oldest] = known.keys();
    if (known.size >= maxEntries && oldest !== undefined) known.delete(oldest);
    known.set(token, caller);
    return caller;
  }

  return {
    issue({ projectId, userId }, issuedAt, ttlSeconds) {
      const iat = Math.floor(issuedAt / 1_000);
      const exp = iat + ttlSeconds;
      const claims = { iss: signing.issuer, aud: projectId, sub: userId, iat, exp };
      const token = signing.sign('latchkey-user+jwt', JSON.stringify(claims));
      return { token, expiresAt: exp * 1_000 };
    },
    async find(token) {
      const caller = callerOf(token);
      if (caller === null) throw unauthorized('is not valid');
      if (clock() >= caller.user.expiresAt) {
        known.delete(token);
        throw unauthorized('has expired');
      }
      if ((await origins.of(caller.projectId)) === null) throw unauthorized('is not valid');
      return caller;
    },
  };
}

function unauthorized(fault: string): ProblemError {
  return new ProblemError(
    'unauthorized',
    `The user token ${fault}. Get a new one from your server, which calls POST /api/v1/user-tokens.`,
  );
}
