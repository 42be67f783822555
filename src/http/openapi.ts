import type { SwaggerTransform } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { problemSchema } from './schemas.ts';

/** The statuses with which a route may answer with a problem, by who may call it. */
const everyRoute = [400, 500, 503];
const keyedRoute = [401, 403, 404];
const withBody = [409, 413, 415, 422];

/** Adds to the document what every route shares: its security, and the problems that it may answer with. */
export function documentProblems(transform: SwaggerTransform): SwaggerTransform {
  return (input) => {
    const { schema, route } = input;
    const open = route.config?.auth === 'open';
    const writes = route.method !== 'GET' && route.method !== 'HEAD';
    const statuses = [...everyRoute, ...(open ? [] : keyedRoute), ...(writes ? withBody : [])];
    const given: unknown = schema.response;
    const response: Record<string, unknown> = Object.fromEntries(
      statuses.map((status) => [
        status,
        {
          description: 'Problem',
          content: { 'application/problem+json': { schema: problemSchema } },
        },
      ]),
    );
    const documented: FastifySchema = {
      ...schema,
      ...(open ? {} : { security: [{ apiKey: [] }] }),
      response: typeof given === 'object' && given !== null ? { ...response, ...given } : response,
    };
    return transform({ ...input, schema: documented });
  };
}
