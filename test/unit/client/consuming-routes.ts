import { once } from 'node:events';
import { createServer } from 'node:http';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import type { AmountOf } from '../../../src/client/consume-feature.ts';
import { consumeFeature as consumeOnExpress } from '../../../src/client/express.ts';
import { consumeFeature as consumeOnFastify } from '../../../src/client/fastify.ts';
import { consumeFeature as consumeOnHono } from '../../../src/client/hono.ts';
import {
  type Consumption,
  createLatchkey,
  type Hold,
  type Latchkey,
  LatchkeyError,
} from '../../../src/client/index.ts';

/** What the client was asked, in order. */
export const asked: unknown[][] = [];

/** Whether units can be given back. */
export const reversing = { works: true };

export const granted: Consumption = {
  ...{ allowed: true, reason: 'granted', consumed: 3, balance: 7, entryId: 'ue_1' },
  source: 'server',
};
const denied = (reason: string, source: Consumption['source'] = 'server'): Consumption => ({
  ...{ allowed: false, reason, consumed: 0, balance: 1, entryId: null, source },
});
const consumptions: Record<string, Consumption> = {
  payer: granted,
  uncounted: { ...granted, reason: 'unavailable', entryId: null, source: 'fallback' },
  spent: denied('limit_reached'),
  stranger: denied('no_source'),
  revoked: denied('revoked'),
  unknown: { ...denied('unavailable', 'fallback'), balance: null },
  mistyped: denied('feature_not_found'),
};

function answerOf(user: string): Consumption {
  if (user === 'refused') throw new LatchkeyError(422, { detail: 'It is not metered.' });
  return consumptions[user] ?? denied('no_source');
}

/** A client whose answers are given by user. */
export const latchkey: Latchkey = {
  ...createLatchkey({ url: 'http://latchkey.test', key: 'key', stream: false }),
  consume: async (user, feature, amount) => {
    asked.push(['consume', user, feature, amount]);
    return Promise.resolve().then(() => answerOf(user));
  },
  hold: async (user, feature, amount, { expiresInSeconds }) => {
    asked.push(['hold', user, feature, amount, expiresInSeconds]);
    const { allowed, balance, reason, source } = await Promise.resolve(answerOf(user));
    const end = (name: string) => (used?: number) => {
      asked.push([name, used]);
      return Promise.resolve({ consumed: used ?? 0, balance: 0, entryId: 'ue_2' });
    };
    const hold: Hold = {
      ...{ allowed, balance, reason, source, held: amount, holdId: 'uh_1', expiresAt: null },
      ...{ settle: end('settle'), release: end('release') },
    };
    return hold;
  },
  reverse: (id, reason) => {
    asked.push(['reverse', id, reason]);
    return reversing.works
      ? Promise.resolve({ entry_id: 'ue_2', reversed_entry_id: id, returned: 3, balance: 10 })
      : Promise.reject(new Error('away'));
  },
};

interface Options {
  onFailure?: 'return' | 'keep';
  holdSeconds?: number;
}

/** Posts as a user to a route that does what the path says, and returns the response. */
type Post = (user: string, path: string) => Promise<Response>;

/** What closes the servers of a test. */
export const stops: (() => unknown)[] = [];

/** What the routes do: each framework's handler calls it, and sends the status that it returns. */
async function work(path: string, hold: Hold | undefined): Promise<number> {
  asked.push(['work']);
  if (path === '/throw') throw new Error('the work failed');
  if (path === '/settle') await hold?.settle(2);
  return path === '/bad' ? 400 : 200;
}

const paths = ['/', '/bad', '/throw', '/settle'];

const postTo =
  (url: string): Post =>
  (user, path) =>
    fetch(`${url}${path}`, { method: 'POST', headers: { 'x-user': user, 'x-pages': '3' } });

type Start = (options: Options, byPages?: boolean) => Promise<Post>;

export const frameworks: [string, Start][] = [
  [
    'fastify',
    async (options, byPages = false) => {
      const app = Fastify();
      const amount: AmountOf<{ headers: Record<string, unknown> }> = byPages
        ? ({ headers }) => Number(headers['x-pages'])
        : 3;
      const preHandler = consumeOnFastify(latchkey, 'credits', amount, {
        user: ({ headers }) => headers['x-user'] as string,
        ...options,
      });
      for (const path of paths) {
        app.post(path, { preHandler }, async ({ consumption, hold }, reply) =>
          reply.code(await work(path, hold)).send({ consumption: consumption ?? null }),
        );
      }
      stops.push(() => app.close());
      return postTo(await app.listen({ host: '127.0.0.1', port: 0 }));
    },
  ],
  [
    'express',
    async (options, byPages = false) => {
      const app = express();
      const middleware = consumeOnExpress(
        latchkey,
        'credits',
        byPages ? (request) => Number(request.get('x-pages')) : 3,
        { user: (request) => request.get('x-user'), ...options },
      );
      for (const path of paths) {
        app.post(path, middleware, async ({ consumption, hold }, response) => {
          response.status(await work(path, hold)).json({ consumption: consumption ?? null });
        });
      }
      const server = createServer(app).listen(0, '127.0.0.1');
      await once(server, 'listening');
      stops.push(() => server.close());
      const address = server.address();
      return postTo(`http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`);
    },
  ],
  [
    'hono',
    (options, byPages = false) => {
      const app = new Hono();
      const middleware = consumeOnHono(
        latchkey,
        'credits',
        byPages ? ({ req }) => Number(req.header('x-pages')) : 3,
        { user: ({ req }) => req.header('x-user'), ...options },
      );
      for (const path of paths) {
        app.post(path, middleware, async (context) => {
          const status = await work(path, context.get('hold'));
          const consumption = context.get('consumption') ?? null;
          return context.json({ consumption }, status === 400 ? 400 : 200);
        });
      }
      app.onError((error, context) => context.text(error.message, 500));
      return Promise.resolve(async (user, path) =>
        app.request(path, { method: 'POST', headers: { 'x-user': user, 'x-pages': '3' } }),
      );
    },
  ],
];
