import { connect as connectSocket } from 'node:net';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { consumeFeature } from '../../../src/client/fastify.ts';
import type { Latchkey } from '../../../src/client/index.ts';
import { asked, frameworks, granted, latchkey, reversing, stops } from './consuming-routes.ts';

beforeEach(() => {
  asked.length = 0;
  reversing.works = true;
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const consumed = ['consume', 'payer', 'credits', 3];
const held = ['hold', 'payer', 'credits', 3, 60];

describe.each(frameworks)('consumeFeature on %s', (_name, start) => {
  it('consumes before the route runs, with the result on the request', async () => {
    for (const byPages of [false, true]) {
      asked.length = 0;
      const post = await start({}, byPages);
      const response = await post('payer', '/');
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ consumption: granted });
      expect(asked).toEqual([consumed, ['work']]);
    }
  });

  it('refuses with the problem of requireFeature and the balance, and the route does not run', async () => {
    const post = await start({});
    for (const [user, status, code, reason, balance] of [
      ['spent', 402, 'limit_reached', 'limit_reached', 1],
      ['stranger', 402, 'feature_required', 'no_source', 1],
      ['revoked', 403, 'feature_revoked', 'revoked', 1],
      ['unknown', 503, 'entitlements_unavailable', 'unavailable', null],
    ] as const) {
      const response = await post(user, '/');
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await response.json()).toMatchObject({
        ...{ type: `urn:latchkey:problem:${code}`, status, code, reason, balance },
        feature_code: 'credits',
      });
    }
    const anonymous = await post('', '/');
    expect(anonymous.status).toBe(401);
    expect(await anonymous.text()).toContain('the option `user` of `consumeFeature`');
    expect(asked.filter(([name]) => name !== 'consume')).toEqual([]);
  });

  it.each([
    ['mistyped', 'Feature `credits` does not exist in the project of the API key.'],
    ['refused', 'Latchkey refused to count feature `credits`: It is not metered.'],
  ])('fails with 500 by a mistake of the app (%s)', async (user, text) => {
    const post = await start({});
    const response = await post(user, '/');
    expect(response.status).toBe(500);
    expect(await response.text()).toContain(text);
  });

  it.each([
    ['/bad', 400],
    ['/throw', 500],
  ])('gives the units back if the route fails (%s)', async (path, status) => {
    const post = await start({});
    expect((await post('payer', path)).status).toBe(status);
    await vi.waitFor(() => {
      expect(asked).toEqual([
        consumed,
        ['work'],
        ['reverse', 'ue_1', `The request failed with ${status}.`],
      ]);
    });
  });

  it('keeps the units of a failed request with `keep`, and gives back none that were not counted', async () => {
    const keeping = await start({ onFailure: 'keep' });
    await keeping('payer', '/throw');
    const post = await start({});
    await post('uncounted', '/throw');
    // The units of this request are given back after those of the others would be.
    await post('payer', '/throw');
    await vi.waitFor(() => {
      expect(asked.filter(([name]) => name === 'reverse')).toHaveLength(1);
    });
  });

  it('responds as the route did if the units cannot be given back', async () => {
    reversing.works = false;
    const post = await start({});
    expect((await post('payer', '/bad')).status).toBe(400);
    await vi.waitFor(() => {
      expect(asked).toHaveLength(3);
    });
    expect((await post('payer', '/')).status).toBe(200);
  });

  it.each([
    ['/', ['settle', 3]],
    ['/settle', ['settle', 2]],
    ['/bad', ['release', undefined]],
    ['/throw', ['release', undefined]],
  ] as const)(
    'holds the units with `holdSeconds`, and ends the hold once (%s)',
    async (path, end) => {
      const post = await start({ holdSeconds: 60 });
      await post('payer', path);
      await vi.waitFor(() => {
        expect(asked).toEqual([held, ['work'], end]);
      });
      const spent = await post('spent', path);
      expect(spent.status).toBe(402);
      expect(asked).toHaveLength(4);
    },
  );
});

describe('a user who closes the connection before the response', () => {
  it('pays: the hold is settled, and nothing is given back', async () => {
    const app = Fastify();
    const closed = Promise.withResolvers<undefined>();
    for (const [path, options] of [
      ['/consume', {}],
      ['/hold', { holdSeconds: 60 }],
    ] as const) {
      const preHandler = consumeFeature(latchkey, 'credits', 3, {
        user: ({ headers }) => headers['x-user'] as string,
        ...options,
      });
      app.post(path, { preHandler }, async (_request, reply) => {
        asked.push(['work']);
        await closed.promise;
        return reply.code(500).send('too late');
      });
    }
    stops.push(() => app.close());
    const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
    for (const path of ['/consume', '/hold']) {
      const socket = connectSocket(Number(url.port), url.hostname);
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: app\r\nx-user: payer\r\ncontent-length: 0\r\n\r\n`,
      );
      const before = asked.length;
      await vi.waitFor(() => {
        expect(asked).toHaveLength(before + 2);
      });
      socket.destroy();
    }
    await vi.waitFor(() => {
      expect(asked).toEqual([consumed, ['work'], held, ['work'], ['settle', 3]]);
    });
    closed.resolve(undefined);
  });

  it('pays, too, if the units are held only afterwards', async () => {
    const app = Fastify();
    const closed = Promise.withResolvers<undefined>();
    const waiting: Latchkey = {
      ...latchkey,
      async hold(...use) {
        await closed.promise;
        return latchkey.hold(...use);
      },
    };
    const arrived = Promise.withResolvers<undefined>();
    app.addHook('onRequest', (_request, reply, done) => {
      reply.raw.once('close', () => {
        closed.resolve(undefined);
      });
      arrived.resolve(undefined);
      done();
    });
    const preHandler = consumeFeature(waiting, 'credits', 3, {
      user: () => 'payer',
      holdSeconds: 60,
    });
    app.post('/', { preHandler }, () => {
      asked.push(['work']);
      return 'too late';
    });
    stops.push(() => app.close());
    const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connectSocket(Number(url.port), url.hostname);
    socket.write('POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 0\r\n\r\n');
    await arrived.promise;
    socket.destroy();
    await vi.waitFor(() => {
      expect(asked).toContainEqual(['settle', 3]);
    });
    expect(asked.filter(([name]) => name === 'settle')).toHaveLength(1);
  });
});
