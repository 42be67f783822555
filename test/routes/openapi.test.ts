import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problems } from '../../src/http/problem.ts';
import { entriesAt } from '../helpers/json.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let document: unknown;
let routes: { method: string; url: string }[];

/** Everything that may be asked without an API key. */
const openRoutes = ['GET /live', 'GET /ready', 'GET /metrics', 'POST /api/v1/webhooks/stripe'];

beforeAll(async () => {
  service = await startTestService();
  document = JSON.parse((await service.app.inject('/openapi.json')).body);
  routes = entriesAt(document, 'paths').flatMap(([url, methods]) =>
    entriesAt(methods).map(([method]) => ({ method: method.toUpperCase(), url })),
  );
});
afterAll(() => service.close());

describe('the contract', () => {
  it('documents the routes', () => {
    const named = routes.map(({ method, url }) => `${method} ${url}`);
    expect(named).toContain('GET /api/v1/entitlements');
    expect(named).toContain('POST /api/v1/checkout/sessions');
    expect(named).toContain('POST /api/v1/admin/grant');
    expect(named.length).toBeGreaterThan(25);
  });

  it('asks for a key on every route but those that are meant to be open', async () => {
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
    // 401 without its own token where there is one; here there is none.
    expect(open.sort()).toEqual(openRoutes.toSorted());
  });

  it('says what each route answers with, errors included', () => {
    for (const { method, url } of routes) {
      const responses = entriesAt(document, 'paths', url, method.toLowerCase(), 'responses');
      const statuses = responses.map(([status]) => status);
      expect(
        statuses.some((status) => status.startsWith('2')),
        `${method} ${url}`,
      ).toBe(true);
      expect(statuses, `${method} ${url}`).toContain('400');
    }
  });

  it('names every code of the table', () => {
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
