import type { Context, MiddlewareHandler } from 'hono';
import {
  type AmountOf,
  consumeFeature as consumeFor,
  type ConsumeFeatureOptions,
} from './consume-feature.ts';
import type { Check } from './core/answer.ts';
import type { Consumption, Hold } from './core/consumption.ts';
import type { CodeOf } from './core/features.ts';
import type { Latchkey } from './latchkey.ts';
import type { UserId } from './refusal.ts';
import { checkFeature } from './require-feature.ts';

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

/** The variables of a context after `consumeFeature`. */
export interface ConsumedVariables {
  /** The units that the route consumes; undefined if it holds them. */
  consumption: Consumption | undefined;
  /** The units that the route holds, with `holdSeconds`. */
  hold: Hold | undefined;
}

/**
 * Returns a middleware that lets a request pass only if its user has enough of a metered feature, and
 * consumes the units before the route runs. If the route responds with 400 or above, gives the units back. Responds
 * like `requireFeature`, and with 402 `limit_reached` if too little is left. The result is in
 * `c.get('consumption')`, or in `c.get('hold')` with `holdSeconds`.
 *
 * @param amount how many units the request uses.
 */
export function consumeFeature<Features extends object>(
  client: Latchkey<Features>,
  feature: CodeOf<Features, 'metered'>,
  amount: AmountOf<Context>,
  options: ConsumeFeatureOptions<Context>,
): MiddlewareHandler<{ Variables: ConsumedVariables }> {
  return async (context, next) => {
    const units = [feature, amount] as const;
    const { consumption, end, hold, refusal } = await consumeFor<Context>(
      client,
      context,
      units,
      options,
    );
    context.set('consumption', consumption);
    context.set('hold', hold);
    if (refusal !== null) {
      return context.body(JSON.stringify(refusal.body), refusal.status, refusal.headers);
    }
    await next();
    // The user does not wait for this, and an error must not replace the response.
    end(context.res.status).catch(() => {
      // The client reports it as `unsettled`.
    });
    return undefined;
  };
}
