import type { Check } from './core/answer.ts';

/** What the middlewares need of a client. */
export interface Checker {
  check(userId: string, feature: never): Promise<Check>;
}

/** A refusal as problem+json (RFC 9457). */
export interface Refusal {
  status: 402 | 403;
  body: {
    type: string;
    title: string;
    status: number;
    code: string;
    detail: string;
    feature_code: string;
    reason: string;
  };
}

/**
 * Checks a feature for a middleware. A denied user gets a 402, since paying helps, and a revoked one a 403.
 *
 * @returns the check, and the refusal; null if the user may pass.
 */
export async function checkFeature(
  client: Checker,
  userId: string,
  feature: string,
): Promise<{ check: Check; refusal: Refusal | null }> {
  const check = await client.check(userId, feature as never); // the middleware's own type holds it
  if (check.allowed) return { check, refusal: null };
  const isRevoked = check.reason === 'revoked';
  const status = isRevoked ? 403 : 402;
  const title = isRevoked ? 'The feature was revoked' : 'The feature is not included';
  return {
    check,
    refusal: {
      status,
      body: {
        type: `urn:latchkey:problem:feature_${isRevoked ? 'revoked' : 'required'}`,
        ...{ title, status },
        code: isRevoked ? 'feature_revoked' : 'feature_required',
        detail: `Feature \`${feature}\` is denied: ${check.reason}.`,
        feature_code: feature,
        reason: check.reason,
      },
    },
  };
}
