import type { Context, MiddlewareHandler } from 'hono';
import type { Check } from './core/answer.ts';
import type { CodeOf } from './core/features.ts';
import type { Latchkey } from './latchkey.ts';
import { checkFeature, type UserId } from './require-feature.ts';

/** The variables of a context after `requireFeature`. */
export interface EntitledVariables {
  /** The check of the feature that the route requires. */
  entitlement: Check;
}

/**
 * Returns a middleware that lets a request pass only if its user may use a feature. Otherwise it responds with 402,
 * with 403 if the feature was revoked, with 503 if Latchkey is unreachable and the fail mode denies, or with 401
 * if the request has no user. The check is in `c.get('entitlement')`.
 *
 * @param options `user` returns the user's id; undefined, null or '' without a signed-in user.
 */
export function requireFeature<Features extends object>(
  client: Latchkey<Features>,
  feature: CodeOf<Features>,
  options: { user: (context: Context) => UserId | Promise<UserId> },
): MiddlewareHandler<{ Variables: EntitledVariables }> {
  return async (context, next) => {
    const { check, refusal } = await checkFeature(client, await options.user(context), feature);
    if (check !== undefined) context.set('entitlement', check);
    if (refusal === null) {
      await next();
      return undefined;
    }
    return context.body(JSON.stringify(refusal.body), refusal.status, refusal.headers);
  };
}
