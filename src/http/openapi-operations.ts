import type { SwaggerTransformObject } from '@fastify/swagger';

/** The part of an OpenAPI operation that this file reads and writes. */
interface Operation {
  description?: string;
  operationId?: string;
  tags?: string[];
  parameters?: { name: string }[];
  security?: Record<string, string[]>[];
  responses?: Record<string, { description?: string; headers?: object }>;
  /** The scope that a key needs, because `http` security schemes cannot declare scopes. */
  'x-scope'?: string;
}

/** The groups of operations, in the order of the page at `/docs`. */
const tags: Readonly<Record<string, string>> = {
  Entitlements: 'What users may use, and why',
  'User tokens': "Tokens with which a browser reads one user's entitlements",
  Documents: 'Signed answers that an app can verify by itself',
  OFREP: 'The OpenFeature Remote Evaluation Protocol',
  Changes: 'The feed of changes, as pages, long polls or a stream',
  'Checkout and portal': 'Checkout Sessions, and the billing portal for customers',
  Subscriptions: 'Previews, changes and cancellations of what a user subscribes to',
  Usage: 'What users consume of metered features',
  Catalog: 'Features, products and prices',
  Projects: 'The micro-apps and their settings',
  'API keys': 'The keys of projects',
  Grants: 'Manual grants and revocations by operators',
  Users: 'Everything that is known about a user',
  Customers: 'Stripe customers that belong to users',
  Purchases: 'Purchases without a user',
  'Webhook endpoints': 'The URLs to which changes are sent as signed webhooks',
  Reconciliation: 'Comparisons with Stripe',
  Inbox: "Stripe's stored events",
  Audit: 'Who did what, when and why',
  Reports: 'Revenue and use',
  Stripe: "Stripe's webhook",
  Operations: 'Probes and metrics of the process',
};

/** The header of every response that asks the client to wait. */
const retryAfter = {
  'Retry-After': { description: 'Seconds to wait before a retry', schema: { type: 'integer' } },
};

/** The response of every route, even one without parameters, to a request that is not valid HTTP. */
const malformedRequest = {
  description: 'Problem: `bad_request`, if the request is not valid HTTP',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/**
 * Adds what generators and linters expect of each operation: an id, a description, a scope, declared tags,
 * and the headers of error responses.
 */
export function documentOperations(transform: SwaggerTransformObject): SwaggerTransformObject {
  return (input) => {
    const document = transform(input);
    if (!('paths' in document)) return document;
    const paths = (document.paths ?? {}) as Record<string, Record<string, Operation>>; // typed loosely by @fastify/swagger
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        complete(operation, operationId(method, path));
      }
    }
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    const used = new Set(operations.flatMap(({ tags: own = [] }) => own));
    const unknown = [...used].filter((name) => !(name in tags));
    if (unknown.length > 0) throw new Error(`tags without a description: ${unknown.join(', ')}`);
    const described = Object.entries(tags).filter(([name]) => used.has(name));
    return { ...document, tags: described.map(([name, description]) => ({ name, description })) };
  };
}

function complete(operation: Operation, id: string): void {
  const { parameters = [], security = [], responses = {} } = operation;
  const scopes = [...new Set(security.flatMap((each) => Object.values(each).flat()))];
  const [scope] = scopes;
  operation.operationId = id;
  if (scope !== undefined) {
    operation['x-scope'] = scope;
    operation.security = security.map((each) =>
      Object.fromEntries(Object.keys(each).map((name) => [name, []])),
    );
  }
  const isIdempotent = parameters.some(({ name }) => name === 'Idempotency-Key');
  operation.description = [
    callersOf(scopes),
    ...(security.some((each) => 'userToken' in each) ? ['A user token reads its own user.'] : []),
    ...(isIdempotent
      ? ['A repeated request with the same `Idempotency-Key` gets the first response.']
      : []),
  ].join(' ');
  for (const status of ['429', '503']) {
    const response = responses[status];
    if (response !== undefined) response.headers = retryAfter;
  }
  for (const response of Object.values(responses)) {
    if (response.description === 'Default Response') response.description = 'Success';
  }
  if (!Object.keys(responses).some((status) => status.startsWith('4'))) {
    operation.responses = { ...responses, '4XX': malformedRequest };
  }
}

function callersOf(scopes: readonly string[]): string {
  const [scope, ...others] = scopes;
  if (scope === undefined) return 'Requires no API key.';
  if (scope === 'platform') return 'Requires the platform key.';
  const also = others.map((other) => `, a key with the scope \`${other}\`,`).join('');
  return `Requires a key with the scope \`${scope}\`${also} or the platform key.`;
}

/**
 * Returns the id of an operation, which generators use to name functions: the method and the path, such as
 * `getCheckoutSessionsById`. For paths outside `/api/v1`, the id begins with `Service`. An operation keeps
 * its id for as long as its path exists.
 */
function operationId(method: string, path: string): string {
  const words = path
    .replace(/^\/(?!api\/v1\/)/, '/service/')
    .replace(/^\/api\/v1\//, '/')
    .split('/')
    .flatMap((segment) => {
      const parameter = /^\{(.*)\}$/.exec(segment)?.[1];
      return parameter === undefined ? segment.split(/\W+/) : ['by', ...parameter.split('_')];
    });
  return [method, ...words.filter((word) => word !== '').map(capitalize)].join('');
}

function capitalize(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
