import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installAuthentication } from '../../src/auth/authenticate.ts';
import { createKeyLookup } from '../../src/auth/key-lookup.ts';
import { checkResponse, entitlementsResponse } from '../../src/entitlements/schemas.ts';
import { problems } from '../../src/http/problem-table.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { at, entriesAt } from '../helpers/json.ts';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let document: unknown;
let routes: { method: string; url: string }[];

/** Everything that may be asked without an API key. */
const openRoutes = [
  'GET /.well-known/jwks.json',
  'GET /live',
  'GET /ready',
  'GET /metrics',
  'POST /api/v1/webhooks/stripe',
];

/** What a user token may read. */
const readByTokens = [
  'GET /api/v1/entitlements',
  'GET /api/v1/entitlements/check',
  'GET /api/v1/entitlements/explain',
  'GET /api/v1/usage',
  'GET /api/v1/changes/stream',
  'POST /ofrep/v1/evaluate/flags',
  'POST /ofrep/v1/evaluate/flags/{feature_code}',
];

beforeAll(async () => {
  service = await startTestService();
  document = JSON.parse((await service.app.inject('/openapi.json')).body);
  routes = entriesAt(document, 'paths').flatMap(([url, methods]) =>
    entriesAt(methods).map(([method]) => ({ method: method.toUpperCase(), url })),
  );
});
afterAll(() => service.close());

describe('the contract', () => {
  it('documents the routes of every room', () => {
    const named = routes.map(({ method, url }) => `${method} ${url}`);
    expect(named).toEqual(
      expect.arrayContaining([
        'GET /api/v1/entitlements',
        'POST /api/v1/checkout/sessions',
        'POST /api/v1/portal/sessions',
        'POST /api/v1/webhooks/stripe',
        'POST /api/v1/admin/projects',
        'DELETE /api/v1/admin/projects/{id}/keys/{key_id}',
        'PUT /api/v1/admin/products/{stripe_product_id}',
        'POST /api/v1/admin/grant',
        'GET /api/v1/admin/audit',
      ]),
    );
  });

  it('fails the start if a route has no `config.auth`', async () => {
    const app = await createHttpServer(service.deps);
    const keys = createKeyLookup(service.deps);
    installAuthentication(app, {
      ...service.deps,
      adminApiKey: adminKey,
      keyMaxRps: 1,
      keys,
      browsers: null,
    });
    expect(() => app.get('/forgotten', () => 'everything')).toThrow('/forgotten');
  });

  it('requires a key on every route except the intentionally open ones', async () => {
    const answered = await Promise.all(
      routes.map(async ({ method, url }) => {
        const { statusCode } = await service.app.inject({
          method: method as 'GET', // any method that the document names
          url: url.replaceAll(/\{\w+\}/g, 'x'),
        });
        return { route: `${method} ${url}`, asksForKey: statusCode === 401 };
      }),
    );
    const open = answered.filter(({ asksForKey }) => !asksForKey).map(({ route }) => route);
    // Routes with their own token answer 401 if it is set; here it is not.
    expect(open.sort()).toEqual(openRoutes.toSorted());
  });

  it('documents the responses of each route, errors included', () => {
    for (const { method, url } of routes) {
      const responses = entriesAt(document, 'paths', url, method.toLowerCase(), 'responses');
      const statuses = responses.map(([status]) => status);
      expect(
        statuses.some((status) => status.startsWith('2')),
        `${method} ${url}`,
      ).toBe(true);
      if (!openRoutes.includes(`${method} ${url}`)) {
        expect(statuses, `${method} ${url}`).toContain('400');
      }
    }
  });

  it('contains exactly the schemas that it refers to', () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference);
    const held = entriesAt(document, 'components', 'schemas').map(
      ([name]) => `#/components/schemas/${name}`,
    );
    expect([...new Set(references)].sort()).toEqual(held.sort());
  });

  it('documents who may call each route, open ones included', () => {
    for (const { method, url } of routes) {
      const operation = at(document, 'paths', url, method.toLowerCase());
      const isOpen = openRoutes.includes(`${method} ${url}`);
      expect(at(operation, 'security'), `${method} ${url}`).toEqual(
        isOpen
          ? []
          : [
              { apiKey: [] },
              ...(readByTokens.includes(`${method} ${url}`) ? [{ userToken: [] }] : []),
              ...(url.startsWith('/ofrep/') ? [{ apiKeyHeader: [] }] : []),
            ],
      );
      expect(at(operation, 'x-scope'), `${method} ${url}`).toEqual(
        isOpen ? undefined : expect.stringMatching(/^(read|checkout|usage|admin|platform)$/),
      );
    }
  });

  it('documents the headers that clients send and get', () => {
    const headersOf = (url: string, method: string) =>
      entriesAt(document, 'paths', url, method, 'parameters')
        .map(([, parameter]) => parameter)
        .filter((parameter) => at(parameter, 'in') === 'header')
        .map((parameter) => at(parameter, 'name'));
    expect(headersOf('/api/v1/admin/grant', 'post')).toEqual(['Idempotency-Key']);
    expect(headersOf('/api/v1/checkout/sessions', 'post')).toEqual(['Idempotency-Key']);
    expect(headersOf('/api/v1/usage/consume', 'post')).toEqual(['Idempotency-Key']);
    expect(headersOf('/api/v1/entitlements', 'get')).toEqual(['If-None-Match']);
    expect(
      entriesAt(
        document,
        'paths',
        '/api/v1/entitlements',
        'get',
        'responses',
        '200',
        'headers',
      ).map(([name]) => name),
    ).toEqual(['ETag', 'Latchkey-Cache', 'Latchkey-Revision']);
  });

  it('shows correct examples', () => {
    const examplesOf = (name: string) =>
      entriesAt(document, 'components', 'schemas', name, 'examples').map(([, example]) => example);
    for (const example of examplesOf('Check')) {
      const { allowed, reason } = checkResponse.parse(example);
      expect(allowed).toBe(reason === 'granted');
    }
    for (const example of examplesOf('Entitlements')) entitlementsResponse.parse(example);
  });

  it('shows for every body requests that are well-formed, the first of which the page sends', async () => {
    const withBody = routes.flatMap(({ method, url }) => {
      const operation = at(document, 'paths', url, method.toLowerCase());
      const content = at(operation, 'requestBody', 'content', 'application/json');
      if (content === undefined) return [];
      const named = entriesAt(content, 'examples').map(([, example]) => at(example, 'value'));
      return [{ method, url, examples: named.length > 0 ? named : [at(content, 'example')] }];
    });
    expect(withBody.length).toBeGreaterThan(15);
    for (const { method, url, examples } of withBody) {
      for (const example of examples) {
        expect(example, `${method} ${url}`).toBeInstanceOf(Object);
        const { body } = await service.request(
          method as 'POST', // any method that the document names
          url.replace('/api/v1', '').replaceAll(/\{\w+\}/g, 'x'),
          { key: adminKey, body: example, headers: requiredHeaders(method, url) },
        );
        expect(at(body, 'code'), JSON.stringify([url, example, body])).not.toBe('bad_request');
      }
    }
  });

  it('sends no parameter by default that may be left out', () => {
    const optional = routes.flatMap(({ method, url }) =>
      entriesAt(document, 'paths', url, method.toLowerCase(), 'parameters')
        .map(([, parameter]) => parameter)
        .filter((parameter) => at(parameter, 'required') !== true),
    );
    expect(optional.length).toBeGreaterThan(50);
    for (const parameter of optional) {
      expect(at(parameter, 'examples', 'default', 'x-disabled'), JSON.stringify(parameter)).toBe(
        true,
      );
      expect(parameter).not.toHaveProperty('example');
    }
  });

  it('names every problem code', () => {
    const text = JSON.stringify(document);
    for (const code of Object.keys(problems)) expect(text).toContain(`"${code}"`);
  });
});

describe('the page', () => {
  it('loads everything from this server', async () => {
    const page = await service.app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    const script = /src="([^"]+)"/.exec(page.body)?.[1] ?? '';
    expect((await service.app.inject(`/docs/${script}`)).statusCode).toBe(200);
  });
});

/** Returns the headers without which the route refuses every request, each time with another value. */
function requiredHeaders(method: string, url: string): Record<string, string> {
  const parameters = entriesAt(document, 'paths', url, method.toLowerCase(), 'parameters');
  const required = parameters
    .map(([, parameter]) => parameter)
    .filter((parameter) => at(parameter, 'in') === 'header' && at(parameter, 'required') === true);
  return Object.fromEntries(
    required.map((parameter) => [String(at(parameter, 'name')).toLowerCase(), randomUUID()]),
  );
}
