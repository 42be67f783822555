import type { Check } from './core/answer.ts';
import { LatchkeyError } from './problem.ts';

/** What the middlewares need of a client. */
export interface Checker {
  check(userId: string, feature: never): Promise<Check>;
}

/** A user's id; undefined, null or '' without a signed-in user. */
export type UserId = string | null | undefined;

type RefusalStatus = 401 | 402 | 403 | 503;

/** The response to a request that may not pass, as problem+json (RFC 9457). */
interface Refusal {
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
 * A check and its refusal. The refusal is null if the user may pass; the check is undefined if the request has
 * no user.
 */
export type Checked =
  { check: Check; refusal: Refusal | null } | { check: undefined; refusal: Refusal };

/**
 * Checks a feature for a middleware. The refusal is a 402 if paying helps, and a 403 if the feature was
 * revoked. It is a 503 if the feature is denied only because Latchkey is unreachable: a user who has paid is
 * not asked to pay. It is a 401 if the request has no user.
 *
 * @throws Error if the feature does not exist or Latchkey refused the check: a mistake of the app, not of its
 *   user. The error has no status, so frameworks respond with 500.
 */
export async function checkFeature(
  client: Checker,
  userId: UserId,
  feature: string,
): Promise<Checked> {
  if (userId === undefined || userId === null || userId === '') {
    return { check: undefined, refusal: signInRequired(feature) };
  }
  const check = await checkOrThrow(client, textOf(userId), feature);
  if (check.reason === 'feature_not_found') {
    throw new Error(
      `Feature \`${feature}\` does not exist in the project of the API key. Create it, or correct its code.`,
    );
  }
  return { check, refusal: check.allowed ? null : refusalOf(check, feature) };
}

/** Returns a user's id. @throws TypeError if it is not a string, as can happen in JavaScript. */
function textOf(userId: unknown): string {
  if (typeof userId === 'string') return userId;
  throw new TypeError(
    `The option \`user\` of \`requireFeature\` must return the user's id as a string, not as ${typeof userId}.`,
  );
}

async function checkOrThrow(client: Checker, userId: string, feature: string): Promise<Check> {
  try {
    return await client.check(userId, feature as never); // the middleware's own type holds it
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    // With the status of `error`, the framework would respond to the app's user as Latchkey responded to the
    // app.
    throw new Error(`Latchkey refused to check feature \`${feature}\`: ${error.message}`, {
      cause: error,
    });
  }
}

function signInRequired(feature: string): Refusal {
  return refusal(feature, 'no_user', {
    ...{ status: 401, code: 'sign_in_required', title: 'The request has no signed-in user' },
    detail:
      `Feature \`${feature}\` requires a user, and the option \`user\` of \`requireFeature\` returned no id. ` +
      'Put the sign-in check of the app before `requireFeature`.',
  });
}

function refusalOf({ reason, source }: Check, feature: string): Refusal {
  return refusal(feature, reason, {
    ...kindOf(reason, source),
    detail: `Feature \`${feature}\` is denied: ${reason}.`,
  });
}

interface Kind {
  status: RefusalStatus;
  code: string;
  title: string;
}

function refusal(feature: string, reason: string, kind: Kind & { detail: string }): Refusal {
  return {
    status: kind.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(kind.status === 503 ? { 'retry-after': '1' } : {}),
    },
    body: {
      type: `urn:latchkey:problem:${kind.code}`,
      ...kind,
      feature_code: feature,
      reason,
    },
  };
}

function kindOf(reason: string, source: Check['source']): Kind {
  if (source === 'fallback') {
    return {
      ...{ status: 503, code: 'entitlements_unavailable' },
      title: 'The feature could not be checked',
    };
  }
  return reason === 'revoked'
    ? { status: 403, code: 'feature_revoked', title: 'The feature was revoked' }
    : { status: 402, code: 'feature_required', title: 'The feature is not included' };
}
