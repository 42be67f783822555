import type { FastifySchema, RouteOptions } from 'fastify';
import { z } from 'zod';
import { userIdSchema } from './schemas.ts';

/** Returns whether a route takes its user from the query parameter `user_id`. */
export function takesUserId({ schema }: Pick<RouteOptions, 'schema'>): boolean {
  return schema?.querystring instanceof z.ZodObject && 'user_id' in schema.querystring.shape;
}

/** Returns the documented query of a route on which a user token may replace `user_id`. */
export function withOptionalUser(schema: FastifySchema): FastifySchema {
  if (!(schema.querystring instanceof z.ZodObject) || !takesUserId({ schema })) return {};
  const user = userIdSchema
    .optional()
    .describe("The project's own id for the person; by default, the user of the user token");
  return { querystring: schema.querystring.safeExtend({ user_id: user }) };
}
