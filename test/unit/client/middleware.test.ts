import { once } from 'node:events';
import { createServer } from 'node:http';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import { requireFeature as requireOnExpress } from '../../../src/client/express.ts';
import { requireFeature as requireOnFastify } from '../../../src/client/fastify.ts';
import { requireFeature as requireOnHono } from '../../../src/client/hono.ts';
import {
  type Check,
  createLatchkey,
  type Latchkey,
  LatchkeyError,
} from '../../../src/client/index.ts';

const fault = new Error('the session store is away');

/** A client whose checks are given by user. */
const latchkey: Latchkey = {
  ...createLatchkey({ url: 'http://latchkey.test', key: 'key', stream: false }),
  check: (userId: string) =>
    userId === 'refused'
      ? Promise.reject(new LatchkeyError(401, { detail: 'The API key has expired.' }))
      : Promise.resolve(checks[userId] ?? denied('no_source')),
};

const denied = (reason: string, source: Check['source'] = 'server'): Check => ({
  ...{ allowed: false, reason, value: null, validTo: null, revision: 1, source },
});
const checks: Record<string, Check> = {
  payer: { ...denied('granted'), allowed: true, value: true },
  revoked: denied('revoked'),
  late: denied('expired', 'last_known'),
  unknown: denied('unavailable', 'fallback'),
  mistyped: denied('feature_not_found'),
};

/** What a session store may return for who has not signed in. */
const anonymous: Record<string, unknown> = { nobody: undefined, null: null, empty: '' };

interface Answer {
  status: number;
  type: string | null;
  retryAfter: string | null;
  body: unknown;
}
type Get = (user: string) => Promise<Answer>;

async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  return {
    ...{ status, type: headers.get('content-type'), retryAfter: headers.get('retry-after') },
    body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text,
  };
}

/** Who asks, from a header; asynchronously, as from a session store. */
async function userOf(user: string | undefined): Promise<string | null | undefined> {
  await Promise.resolve();
  if (user === undefined || user === 'broken') throw fault;
  if (user in anonymous) return anonymous[user] as string | null | undefined;
  if (user === 'number') return 42 as never; // as JavaScript may
  return user;
}

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const frameworks: [string, () => Promise<Get>][] = [
  [
    'fastify',
    async () => {
      const app = Fastify();
      const preHandler = requireOnFastify(latchkey, 'export', {
        user: ({ headers }) => userOf(headers['x-user'] as string),
      });
      app.get('/', { preHandler }, (request) => request.entitlement);
      stops.push(() => app.close());
      const url = await app.listen({ host: '127.0.0.1', port: 0 });
      return async (user) => answerOf(await fetch(url, { headers: { 'x-user': user } }));
    },
  ],
  [
    'express',
    async () => {
      const app = express();
      const middleware = requireOnExpress(latchkey, 'export', {
        user: (request) => userOf(request.get('x-user')),
      });
      app.get('/', middleware, (request, response) => {
        response.json(request.entitlement);
      });
      const server = createServer(app).listen(0, '127.0.0.1');
      await once(server, 'listening');
      stops.push(() => server.close());
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      return async (user) =>
        answerOf(await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-user': user } }));
    },
  ],
  [
    'hono',
    () => {
      const app = new Hono();
      const middleware = requireOnHono(latchkey, 'export', {
        user: ({ req }) => userOf(req.header('x-user')),
      });
      app.get('/', middleware, (context) => context.json(context.get('entitlement')));
      app.onError((error, context) => context.text(error.message, 500));
      return Promise.resolve(async (user) =>
        answerOf(await app.request('/', { headers: { 'x-user': user } })),
      );
    },
  ],
];

describe.each(frameworks)('requireFeature on %s', (_name, start) => {
  it('lets a user pass who may use the feature, with the check on the request', async () => {
    const get = await start();
    expect(await get('payer')).toMatchObject({ status: 200, body: checks['payer'] });
  });

  it('answers 402 with a problem document, and 403 if the feature was revoked', async () => {
    const get = await start();
    for (const [user, status, code, reason] of [
      ['stranger', 402, 'feature_required', 'no_source'],
      ['late', 402, 'feature_required', 'expired'],
      ['revoked', 403, 'feature_revoked', 'revoked'],
    ] as const) {
      const answer = await get(user);
      expect(answer).toMatchObject({ status, retryAfter: null });
      expect(answer.type).toMatch(/^application\/problem\+json/);
      expect(answer.body).toMatchObject({
        ...{ type: `urn:latchkey:problem:${code}`, status, code, reason, feature_code: 'export' },
      });
    }
  });

  it('answers 503 if the feature could not be checked: who has paid is not asked to pay', async () => {
    const get = await start();
    const answer = await get('unknown');
    expect(answer).toMatchObject({ status: 503, retryAfter: '1' });
    expect(answer.body).toMatchObject({ code: 'entitlements_unavailable' });
  });

  it.each(Object.keys(anonymous))(
    'answers 401 without a user (%s), and names its option `user`',
    async (user) => {
      const get = await start();
      const answer = await get(user);
      expect(answer).toMatchObject({ status: 401, retryAfter: null });
      expect(answer.type).toMatch(/^application\/problem\+json/);
      expect(answer.body).toMatchObject({
        ...{ type: 'urn:latchkey:problem:sign_in_required', code: 'sign_in_required' },
        ...{ reason: 'no_user', feature_code: 'export' },
        detail:
          'Feature `export` requires a user, and the option `user` of `requireFeature` returned no id. Put the sign-in check of the app before `requireFeature`.',
      });
    },
  );

  it.each([
    ['mistyped', 'Feature `export` does not exist in the project of the API key.'],
    ['refused', 'Latchkey refused to check feature `export`: The API key has expired.'],
    ['number', "must return the user's id as a string, not as number"],
  ])('fails with 500 by a mistake of the app (%s), which is not its user’s', async (user, text) => {
    const get = await start();
    const { status, body } = await get(user);
    expect(status).toBe(500);
    expect(
      typeof body === 'string' ? body.replaceAll('&#39;', "'") : JSON.stringify(body),
    ).toContain(text);
  });

  it('passes an error on to the framework', async () => {
    const get = await start();
    const { status, body } = await get('broken');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).toContain(fault.message);
  });
});
