import type { Check } from './core/answer.ts';

/** What the middlewares need of a client. */
export interface Checker {
  check(userId: string, feature: never): Promise<Check>;
}

type RefusalStatus = 402 | 403 | 503;

/** A refusal as problem+json (RFC 9457). */
export interface Refusal {
  status: RefusalStatus;
  headers: Record<string, string>;
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
 * Checks a feature for a middleware. The refusal is a 402 if paying helps, and a 403 if the feature was
 * revoked. It is a 503 if the feature is denied only because Latchkey is unreachable: a user who has paid is
 * not asked to pay.
 *
 * @returns the check, and the refusal; null if the user may pass.
 */
export async function checkFeature(
  client: Checker,
  userId: string,
  feature: string,
): Promise<{ check: Check; refusal: Refusal | null }> {
  const check = await client.check(userId, feature as never); // the middleware's own type holds it
  return { check, refusal: check.allowed ? null : refusalOf(check, feature) };
}

function refusalOf({ reason, source }: Check, feature: string): Refusal {
  const [status, code, title] = kindOf(reason, source);
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 ? { 'retry-after': '1' } : {}),
    },
    body: {
      type: `urn:latchkey:problem:${code}`,
      ...{ title, status, code },
      detail: `Feature \`${feature}\` is denied: ${reason}.`,
      feature_code: feature,
      reason,
    },
  };
}

function kindOf(reason: string, source: Check['source']): [RefusalStatus, string, string] {
  if (source === 'fallback') {
    return [503, 'entitlements_unavailable', 'The feature could not be checked'];
  }
  if (reason === 'revoked') return [403, 'feature_revoked', 'The feature was revoked'];
  return [402, 'feature_required', 'The feature is not included'];
}
