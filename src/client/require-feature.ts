import type { Check } from './core/answer.ts';
import {
  type Gate,
  orThrow,
  type Refusal,
  refusalOf,
  signInRequired,
  type UserId,
  userIdOf,
} from './refusal.ts';

/** What the middlewares need of a client. */
export interface Checker {
  check(userId: string, feature: never): Promise<Check>;
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
  const gate: Gate = { middleware: 'requireFeature', feature };
  const user = userIdOf(userId, gate);
  if (user === undefined) return { check: undefined, refusal: signInRequired(gate) };
  // The middleware's own type holds the code.
  const check = await orThrow('check', gate, client.check(user, feature as never));
  return { check, refusal: check.allowed ? null : refusalOf(check, feature) };
}
