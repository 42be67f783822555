import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import Stripe from 'stripe';
import { z } from 'zod';
import { hashKey } from '../../src/auth/api-key.ts';
import type { Database } from '../../src/platform/database.ts';
import type { Logger } from '../../src/platform/logger.ts';
import type { Redis } from '../../src/platform/redis.ts';

/** The bench's table with the floors' answers, one text per user. */
export const floorTable = 'bench_floor';
export const floorKey = 'bench:floor';

const consumeBody = z.object({
  user_id: z.string(),
  feature_code: z.string(),
  amount: z.number(),
});

export interface FloorDeps {
  logger: Logger;
  redis: Redis;
  database: Database;
  webhookSecret: string;
}

/**
 * The least that could give the same answers: bare Fastify with the service's own clients, one line of log
 * per request, the hash of the caller's key, and one round trip to the stored bytes.
 */
export function buildFloors({
  logger,
  redis,
  database,
  webhookSecret,
}: FloorDeps): FastifyInstance {
  const base: FastifyBaseLogger = logger;
  const app = fastify({
    loggerInstance: base,
    logController: new LogController({ disableRequestLogging: true }),
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        route: request.routeOptions.url,
        method: request.method,
        status: reply.statusCode,
        ms: reply.elapsedTime,
      },
      'request completed',
    );
    done();
  });
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });

  app.get('/bare', async (request, reply) => {
    hashKey(request.headers.authorization ?? '');
    return reply.type('application/json').send('{"status":"live"}');
  });

  app.get('/redis', async (request, reply) => {
    hashKey(request.headers.authorization ?? '');
    return reply.type('application/json').send(await redis.get(floorKey));
  });

  app.post('/redis', async (request, reply) => {
    hashKey(request.headers.authorization ?? '');
    JSON.parse(String(request.body));
    return reply.type('application/json').send(await redis.get(floorKey));
  });

  app.get('/select', async (request, reply) => {
    hashKey(request.headers.authorization ?? '');
    const { user_id: userId } = request.query as { user_id: string }; // the bench sends it
    const { rows } = await database.pool.query<{ body: string }>({
      name: 'floor-select',
      text: `select body from ${floorTable} where user_id = $1`,
      values: [userId],
    });
    return reply.type('application/json').send(rows[0]?.body);
  });

  app.post('/consume', async (request, reply) => {
    hashKey(request.headers.authorization ?? '');
    const asked = consumeBody.parse(JSON.parse(String(request.body)));
    const { rows } = await database.pool.query<{ id: string; balance: string }>({
      name: 'floor-consume',
      text: `
        with entry as (
          insert into bench_floor_entries (user_id, feature_code, amount, key)
          values ($1, $2, $3, $4) returning id
        )
        update bench_floor_balances set balance = balance - $3 where user_id = $1
        returning balance, (select id from entry)`,
      values: [asked.user_id, asked.feature_code, asked.amount, request.headers['idempotency-key']],
    });
    const { id = '', balance = '' } = rows[0] ?? {};
    return reply
      .type('application/json')
      .send(
        `{"allowed":true,"reason":"granted","consumed":${asked.amount},"balance":${balance},"entry_id":"ue_${id.padStart(23, '0')}"}`,
      );
  });

  app.post('/insert', async (request, reply) => {
    const raw = z.instanceof(Buffer).parse(request.body);
    Stripe.webhooks.constructEvent(raw, String(request.headers['stripe-signature']), webhookSecret);
    await database.pool.query({
      name: 'floor-insert',
      text: 'insert into bench_floor_events (body) values ($1)',
      values: [raw.toString('utf8')],
    });
    return reply.type('application/json').send('{"received":true,"duplicate":false}');
  });
  return app;
}
