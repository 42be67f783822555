import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type AmountOf,
  consumeFeature as consumeFor,
  type ConsumeFeatureOptions,
} from './consume-feature.ts';
import type { Check } from './core/answer.ts';
import type { Consumption, Hold } from './core/consumption.ts';
import type { CodeOf } from './core/features.ts';
import type { Latchkey } from './latchkey.ts';
import { onResponse } from './on-response.ts';
import type { UserId } from './refusal.ts';
import { checkFeature } from './require-feature.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The check of the feature that the route requires. */
    entitlement?: Check;
    /** The units that the route consumes. */
    consumption?: Consumption;
    /** The units that the route holds, with `holdSeconds`. */
    hold?: Hold;
  }
}

/**
 * Returns a `preHandler` that lets a request pass only if its user may use a feature. Otherwise it responds with 402,
 * with 403 if the feature was revoked, with 503 if Latchkey is unreachable and the fail mode denies, or with 401
 * if the request has no user. The check is on `request.entitlement`.
 *
 * @param options `user` returns the user's id; undefined, null or '' without a signed-in user.
 */
export function requireFeature<Features extends object>(
  client: Latchkey<Features>,
  feature: CodeOf<Features>,
  options: { user: (request: FastifyRequest) => UserId | Promise<UserId> },
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { check, refusal } = await checkFeature(client, await options.user(request), feature);
    if (check !== undefined) request.entitlement = check;
    if (refusal === null) return undefined;
    return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
  };
}

/**
 * Returns a `preHandler` that lets a request pass only if its user has enough of a metered feature, and
 * consumes the units before the handler runs. If the route responds with 400 or above, gives the units back. Responds
 * like `requireFeature`, and with 402 `limit_reached` if too little is left. The result is on `request.consumption`, or
 * on `request.hold` with `holdSeconds`.
 *
 * @param amount how many units the request uses.
 */
export function consumeFeature<Features extends object>(
  client: Latchkey<Features>,
  feature: CodeOf<Features, 'metered'>,
  amount: AmountOf<FastifyRequest>,
  options: ConsumeFeatureOptions<FastifyRequest>,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const units = [feature, amount] as const;
    const { consumption, end, hold, refusal } = await consumeFor(client, request, units, options);
    if (consumption !== undefined) request.consumption = consumption;
    if (hold !== undefined) request.hold = hold;
    if (refusal !== null) {
      return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
    }
    onResponse(reply.raw, (status) => {
      end(status).catch((error: unknown) => {
        request.log.error(error, `Units of feature \`${feature}\` could not be settled.`);
      });
    });
    return undefined;
  };
}
