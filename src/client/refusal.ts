import type { Check } from './core/answer.ts';
import { LatchkeyError } from './problem.ts';

/** A user's id; undefined, null or '' without a signed-in user. */
export type UserId = string | null | undefined;

type RefusalStatus = 401 | 402 | 403 | 503;

/** The response to a request that may not pass, as problem+json (RFC 9457). */
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
    /** What is left of a metered feature; null if unknown or unlimited. Absent for other features. */
    balance?: number | null;
  };
}

type Denial = Pick<Check, 'reason' | 'balance'>;

/** Names the middleware and its feature, for messages. */
export interface Gate {
  middleware: 'requireFeature' | 'consumeFeature';
  feature: string;
}

/**
 * Returns a user's id; undefined without a user.
 *
 * @throws TypeError if it is not a string, as can happen in JavaScript.
 */
export function userIdOf(userId: unknown, { middleware }: Gate): string | undefined {
  if (userId === undefined || userId === null || userId === '') return undefined;
  if (typeof userId === 'string') return userId;
  throw new TypeError(
    `The option \`user\` of \`${middleware}\` must return the user's id as a string, not as ${typeof userId}.`,
  );
}

/**
 * Returns a request's result.
 *
 * @throws Error without a status if Latchkey refused the request, or knows no such feature: a mistake of the app, not
 *   of its user. With the status of Latchkey's response, the framework would respond to the app's user as Latchkey
 *   responded to the app.
 */
export async function orThrow<Result extends { reason: string }>(
  verb: 'check' | 'count',
  { feature }: Gate,
  result: Promise<Result>,
): Promise<Result> {
  try {
    const found = await result;
    if (found.reason !== 'feature_not_found') return found;
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    throw new Error(`Latchkey refused to ${verb} feature \`${feature}\`: ${error.message}`, {
      cause: error,
    });
  }
  throw new Error(
    `Feature \`${feature}\` does not exist in the project of the API key. Create it, or correct its code.`,
  );
}

/** Returns the 401 to a request without a user. */
export function signInRequired({ feature, middleware }: Gate): Refusal {
  return refusal(
    feature,
    { reason: 'no_user' },
    {
      ...{ status: 401, code: 'sign_in_required', title: 'The request has no signed-in user' },
      detail:
        `Feature \`${feature}\` requires a user, and the option \`user\` of \`${middleware}\` returned no id. ` +
        `Put the sign-in check of the app before \`${middleware}\`.`,
    },
  );
}

/** Returns the response to a user who may not use a feature. */
export function refusalOf(denial: Denial & Pick<Check, 'source'>, feature: string): Refusal {
  return refusal(feature, denial, {
    ...kindOf(denial.reason, denial.source),
    detail: `Feature \`${feature}\` is denied: ${denial.reason}.`,
  });
}

interface Kind {
  status: RefusalStatus;
  code: string;
  title: string;
}

function refusal(
  feature: string,
  { reason, balance }: Denial,
  kind: Kind & { detail: string },
): Refusal {
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
      ...(balance === undefined ? {} : { balance: balance === Infinity ? null : balance }),
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
  switch (reason) {
    case 'revoked':
      return { status: 403, code: 'feature_revoked', title: 'The feature was revoked' };
    case 'limit_reached':
      return { status: 402, code: 'limit_reached', title: 'Too little is left of the feature' };
    default:
      return { status: 402, code: 'feature_required', title: 'The feature is not included' };
  }
}
