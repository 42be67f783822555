import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger';
import type { FastifySchema, RouteOptions } from 'fastify';
import { isIdempotent } from './idempotency.ts';
import { type ProblemCode, problems } from './problem.ts';
import { problemResponse } from './schemas.ts';

/**
 * Adds to the document the scope that a route asks for and the problems that it may answer with: those
 * that its `config.problems` names, and those of its kind, which follow from what it takes.
 */
export function documentProblems(transform: SwaggerTransform): SwaggerTransform {
  return (input) => {
    const { schema, route } = input;
    const { auth, problems: own = [] } = route.config ?? {};
    const plain = transform(input);
    const promised = new Set([...ofKind(plain.schema, route), ...own]);
    const statuses = Map.groupBy(promised, (code) => problems[code][0]);
    const given: unknown = schema.response;
    const documented: FastifySchema = {
      ...schema,
      ...(auth === 'open' || auth === undefined ? {} : { security: [{ apiKey: [auth] }] }),
      response: {
        ...Object.fromEntries(
          [...statuses].map(([status, codes]) => [status, problemResponse(codes)]),
        ),
        ...(typeof given === 'object' ? given : {}),
      },
    };
    return transform({ ...input, schema: documented });
  };
}

/** What every route of a kind may answer with; an open route says it all itself. */
function ofKind(schema: FastifySchema, route: RouteOptions): ProblemCode[] {
  if (route.config?.auth === 'open') return [];
  const takesBody = schema.body !== undefined;
  const takesProject = JSON.stringify([schema.querystring, schema.body]).includes('"project_id"');
  return [
    'bad_request',
    'unauthorized',
    'scope_missing',
    'too_many_requests',
    ...(takesProject ? (['project_not_found'] as const) : []),
    ...(isIdempotent(route)
      ? (['idempotency_key_reused', 'idempotency_in_progress'] as const)
      : []),
    ...(takesBody ? (['payload_too_large', 'unsupported_media_type'] as const) : []),
    'internal_error',
    'not_ready',
    'overloaded',
  ];
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
