import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { problemResponse } from './schemas.ts';

/** The statuses with which a route may answer with a problem, by who may call it and what it does. */
const everyRoute = [400, 500, 503];
const keyedRoute = [401, 403, 404];
const withBody = [413];
const keyedWithBody = [409, 415, 422, 502];

/** Adds to the document what every route shares: its security, and the problems that it may answer with. */
export function documentProblems(transform: SwaggerTransform): SwaggerTransform {
  return (input) => {
    const { schema, route } = input;
    const keyed = route.config?.auth !== 'open';
    const writes = route.method !== 'GET' && route.method !== 'HEAD';
    const statuses = [
      ...everyRoute,
      ...(keyed ? keyedRoute : []),
      ...(writes ? withBody : []),
      ...(keyed && writes ? keyedWithBody : []),
    ];
    const given: unknown = schema.response;
    const response: Record<string, unknown> = Object.fromEntries(
      statuses.map((status) => [status, problemResponse]),
    );
    const documented: FastifySchema = {
      ...schema,
      ...(keyed ? { security: [{ apiKey: [] }] } : {}),
      response: typeof given === 'object' && given !== null ? { ...response, ...given } : response,
    };
    return transform({ ...input, schema: documented });
  };
}

/** Takes out of the document the schemas that nothing refers to: each comes once for requests and once for answers. */
export function dropUnusedSchemas(transform: SwaggerTransformObject): SwaggerTransformObject {
  return (input) => {
    const document = transform(input);
    if (!('components' in document)) return document;
    const { paths = {}, components: { schemas = {} } = {} } = document;
    const used = new Set<string>();
    const pending = namesIn(paths);
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (used.has(name)) continue;
      used.add(name);
      pending.push(...namesIn(schemas[name] ?? {}));
    }
    for (const name of Object.keys(schemas)) {
      if (!used.has(name)) Reflect.deleteProperty(schemas, name);
    }
    return document;
  };
}

/** The names of the schemas that a part of the document refers to. */
function namesIn(part: object): string[] {
  const references = JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
  return [...references].flatMap(([, name]) => name ?? []);
}
