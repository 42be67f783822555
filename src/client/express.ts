import type { NextFunction, Request, Response } from 'express';
import type { Check } from './core/answer.ts';
import type { CodeOf } from './core/features.ts';
import type { Latchkey } from './latchkey.ts';
import { checkFeature, type UserId } from './require-feature.ts';

declare module 'express-serve-static-core' {
  interface Request {
    /** The check of the feature that the route requires. */
    entitlement?: Check;
  }
}

/**
 * Returns a middleware that lets a request pass only if its user may use a feature. Otherwise it responds with 402,
 * with 403 if the feature was revoked, with 503 if Latchkey is unreachable and the fail mode denies, or with 401
 * if the request has no user. The check is on `request.entitlement`.
 *
 * @param options `user` returns the user's id; undefined, null or '' without a signed-in user.
 */
export function requireFeature<Features extends object>(
  client: Latchkey<Features>,
  feature: CodeOf<Features>,
  options: { user: (request: Request) => UserId | Promise<UserId> },
) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    try {
      const { check, refusal } = await checkFeature(client, await options.user(request), feature);
      if (check !== undefined) request.entitlement = check;
      if (refusal === null) next();
      else response.status(refusal.status).set(refusal.headers).send(refusal.body);
    } catch (error) {
      next(error);
    }
  };
}
