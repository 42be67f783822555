import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { text } from '../helpers/json.ts';
import { testStart, type TestService } from '../helpers/service.ts';
import { testSigning } from '../helpers/signing.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';

/* Which pages may read which answers. */

const ours = 'https://notes.example';
const theirs = 'https://other.example';
const strangers = [
  'https://evil.example',
  'null',
  'https://notes.example.evil.example',
  'http://notes.example',
  'https://NOTES.example',
  'https://notes.example/',
  'https://notes.example:444',
];

let service: TestService;
let key: string;
let token: string;
let routes: ContractRoute[];
let url: string;

beforeAll(async () => {
  const started = await startTwoProjects({ export: 'boolean' }, { config: testSigning });
  service = started.service;
  key = started.notes.key;
  await allow('notes', [ours, 'http://localhost:5173']);
  await allow('other', [theirs]);
  routes = await loadContract(service);
  const made = await service.request('POST', '/user-tokens', { key, body: { user_id: 'u_1' } });
  token = text(made.body, 'token');
  url = await service.listen();
});
afterAll(() => service.close());
beforeEach(() => {
  service.clock.set(testStart);
});

async function allow(project: string, redirect_origins: string[]): Promise<void> {
  const { status } = await service.request('PATCH', `/admin/projects/${project}`, {
    key: service.adminKey,
    body: { settings: { redirect_origins } },
  });
  expect(status).toBe(200);
  service.clock.advance(5_000);
}

const pathOf = ({ path }: ContractRoute): string => path.replaceAll(/\{\w+\}/g, 'export');

function preflight(route: ContractRoute, origin?: string) {
  return service.app.inject({
    method: 'OPTIONS',
    url: pathOf(route),
    headers: {
      ...(origin === undefined ? {} : { origin }),
      'access-control-request-method': route.method,
      'access-control-request-headers': 'authorization,content-type,if-none-match',
    },
  });
}

/** Reads as a page of an origin does. A stream is left at once. */
async function read(route: ContractRoute, origin: string, bearer: string | undefined) {
  const isStream = route.path.endsWith('/stream');
  const query = /check|explain/.test(route.path) ? '?feature_code=export' : '';
  const leaving = new AbortController();
  const response = await fetch(`${url}${pathOf(route)}${query}`, {
    method: route.method,
    signal: leaving.signal,
    headers: {
      origin,
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(route.takesBody ? { 'content-type': 'application/json' } : {}),
    },
    ...(route.takesBody ? { body: '{"context":{}}' } : {}),
  });
  if (isStream) leaving.abort();
  else await response.text();
  return response;
}

const allowed = (response: Response): string | null =>
  response.headers.get('access-control-allow-origin');

describe('a preflight', () => {
  it('passes for the origins of every project, on the routes of user tokens', async () => {
    const readable = routes.filter(({ takesUserTokens }) => takesUserTokens);
    expect(readable.length).toBeGreaterThan(3);
    for (const route of readable) {
      for (const origin of [ours, theirs, 'http://localhost:5173']) {
        const { statusCode, headers } = await preflight(route, origin);
        expect([statusCode, headers], route.name).toMatchObject([
          204,
          {
            'access-control-allow-origin': origin,
            'access-control-allow-methods': route.method,
            'access-control-allow-headers': expect.stringMatching(
              /authorization.*content-type.*if-none-match/,
            ) as unknown,
            vary: 'Origin',
          },
        ]);
        expect(headers).not.toHaveProperty('access-control-allow-credentials');
      }
    }
  });

  it('passes for no other origin, and on no other route', async () => {
    for (const route of routes) {
      const origins = route.takesUserTokens ? [...strangers, undefined] : [ours, theirs, undefined];
      for (const origin of origins) {
        const { headers } = await preflight(route, origin);
        expect(headers, `${route.name} from ${origin}`).not.toHaveProperty(
          'access-control-allow-origin',
        );
      }
    }
  });

  it('knows an origin that was added or removed within five seconds', async () => {
    const [route] = routes.filter(({ takesUserTokens }) => takesUserTokens);
    if (route === undefined) expect.fail('no route');
    const passes = async () =>
      'access-control-allow-origin' in (await preflight(route, 'https://new.example')).headers;
    expect(await passes()).toBe(false);
    await allow('other', [theirs, 'https://new.example']);
    expect(await passes()).toBe(true);
    await allow('other', [theirs]);
    expect(await passes()).toBe(false);
  });

  it('is not answered where there are no user tokens', async () => {
    const app = await buildApp({
      ...service.deps,
      config: { ...service.deps.config, signingKeys: [] },
    });
    const { headers } = await app.inject({
      method: 'OPTIONS',
      url: '/api/v1/entitlements',
      headers: { origin: ours },
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    await app.close();
  });
});

describe('an answer', () => {
  it("to a user token may be read by pages of its project's origins alone", async () => {
    for (const route of routes.filter(({ takesUserTokens }) => takesUserTokens)) {
      const answer = await read(route, ours, token);
      expect([answer.status, allowed(answer)], route.name).toEqual([200, ours]);
      expect(answer.headers.get('vary')).toBe('Origin');
      expect(answer.headers.get('access-control-expose-headers')).toContain('etag');
      for (const origin of [theirs, ...strangers]) {
        const other = await read(route, origin, token);
        expect([allowed(other), other.headers.get('vary')], origin).toEqual([null, 'Origin']);
      }
    }
  });

  it('to an API key may be read by no page', async () => {
    for (const route of routes.filter(({ method }) => method === 'GET')) {
      if (route.path === '/.well-known/jwks.json') continue;
      expect(allowed(await read(route, ours, key)), route.name).toBeNull();
    }
  });

  it('that refuses a token may be read, so that a page can renew it', async () => {
    for (const route of routes.filter(({ takesUserTokens }) => takesUserTokens)) {
      for (const bearer of [undefined, 'x', `${token}x`]) {
        const answer = await read(route, ours, bearer);
        expect([answer.status, allowed(answer)], route.name).toEqual([401, ours]);
        expect(allowed(await read(route, 'https://evil.example', bearer))).toBeNull();
      }
    }
    const refused = await fetch(`${url}/api/v1/entitlements?user_id=u_2`, {
      headers: { origin: ours, authorization: `Bearer ${token}` },
    });
    expect([refused.status, allowed(refused)]).toEqual([403, ours]);
  });
});
