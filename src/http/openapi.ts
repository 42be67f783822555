import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyContextConfig, FastifySchema, RouteOptions } from 'fastify';
import { z } from 'zod';
import { isIdempotent } from './idempotency.ts';
import { type ProblemCode, problems } from './problem-table.ts';
import { problemResponse } from './schemas.ts';
import { withOptionalUser } from './user-parameter.ts';

/**
 * Documents the scope that a route requires and the problems that it may respond with: those in
 * `config.problems`, and those that follow from what the route accepts.
 */
export function documentProblems(transform: SwaggerTransform): SwaggerTransform {
  return (input) => {
    const { schema, route } = input;
    const { problems: own = [], documented: parts = {} } = route.config ?? {};
    const plain = transform(input);
    const promised = new Set([...ofKind(plain.schema, route), ...own]);
    const statuses = Map.groupBy(promised, (code) => problems[code].status);
    const given: unknown = schema.response;
    const documented: FastifySchema = {
      ...schema,
      ...parts,
      security: securityOf(route.config),
      ...(route.config?.userTokens === undefined ? {} : withOptionalUser(schema)),
      ...(isIdempotent(route) ? { headers: idempotencyHeaders } : {}),
      response: {
        ...Object.fromEntries(
          [...statuses].map(([status, codes]) => [
            status,
            problemResponse(codes, route.config?.problemShape?.schema),
          ]),
        ),
        ...(typeof given === 'object' ? given : {}),
      },
    };
    return transform({ ...input, schema: documented });
  };
}

/**
 * Returns the alternative ways to authenticate at a route. Open routes say so explicitly, so that a forgotten
 * scope is noticed.
 */
function securityOf({ alsoScope, auth, userTokens, apiKeyHeader }: FastifyContextConfig = {}) {
  if (auth === 'open' || auth === undefined) return [];
  return [
    { apiKey: [auth, ...(alsoScope === undefined ? [] : [alsoScope])] },
    ...(userTokens === undefined ? [] : [{ userToken: [] }]),
    ...(apiKeyHeader === undefined ? [] : [{ apiKeyHeader: [auth] }]),
  ];
}

const idempotencyHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .describe(
      'For 24 hours, a repeated request with the same key and body gets the first response again',
    )
    .meta({ examples: ['6f1f8a52-7a7b-4b1e-9d55-0a8c3f8f2a10'] }),
});

/**
 * Returns the problems that follow from what a route accepts. An open route lists all of its problems itself.
 */
function ofKind(schema: FastifySchema, route: RouteOptions): ProblemCode[] {
  if (route.config?.auth === 'open') return [];
  const hasBody = schema.body !== undefined;
  const hasProject = JSON.stringify([schema.querystring, schema.body]).includes('"project_id"');
  // An `:id` in the path already determines the project.
  const needsProject = hasProject && route.config?.allProjects !== true && !/:id\b/.test(route.url);
  return [
    'bad_request',
    'unauthorized',
    'scope_missing',
    'too_many_requests',
    ...(needsProject ? (['project_id_required'] as const) : []),
    ...(hasProject ? (['project_not_found'] as const) : []),
    ...(isIdempotent(route)
      ? (['idempotency_key_reused', 'idempotency_in_progress'] as const)
      : []),
    ...(hasBody ? (['payload_too_large', 'unsupported_media_type'] as const) : []),
    'internal_error',
    'not_ready',
    'overloaded',
  ];
}

/** The headers of a response that clients may cache and revalidate with `If-None-Match`. */
const revalidationHeaders = {
  ETag: header('Changes with the revision and at every instant at which the response changes'),
  'Latchkey-Cache': header('Whether the cache was used: hit, miss or bypass'),
  'Latchkey-Revision': header("The user's revision", 'integer'),
};

function header(description: string, type = 'string') {
  return { description, schema: { type } };
}

const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of an earlier response',
  schema: { type: 'string', examples: ['"1-mhz3k9c0-0"'] },
};

/** The part of an OpenAPI operation that this file reads. */
interface Operation {
  parameters?: object[];
  responses?: Record<string, object | undefined>;
}

/** Documents the request and response headers of each operation that can respond with 304. */
export function documentRevalidation(transform: SwaggerTransformObject): SwaggerTransformObject {
  return (input) => {
    const document = transform(input);
    if (!('paths' in document)) return document;
    const paths = Object.values(
      (document.paths ?? {}) as Record<string, Record<string, Operation>>,
    ); // as @fastify/swagger writes them
    for (const operation of paths.flatMap((path) => Object.values(path))) {
      const { 200: answer, 304: unchanged } = operation.responses ?? {};
      if (answer === undefined || unchanged === undefined) continue;
      Object.assign(answer, { headers: revalidationHeaders });
      Object.assign(unchanged, { description: 'Unchanged from the response with this ETag' });
      operation.parameters = [...(operation.parameters ?? []), ifNoneMatch];
    }
    return document;
  };
}

/**
 * Removes unreferenced schemas from the document. Each schema is generated twice, for requests and for
 * responses, but most are used only once.
 */
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

/** Returns the names of the schemas that a part of the document references. */
function namesIn(part: object): string[] {
  const references = JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
  return [...references].flatMap(([, name]) => name ?? []);
}
