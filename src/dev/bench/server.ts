/*
 * One server of the bench, in a process of its own: the service, or a floor beside it. A floor does the
 * least that anything could that answers the same question with the same parts: bare Fastify with the
 * same key hash and the same bytes, and one round trip to Redis or Postgres.
 */
import { createHash } from 'node:crypto';
import fastify, { LogController } from 'fastify';
import { Redis } from 'ioredis';
import pg from 'pg';
import Stripe from 'stripe';
import { z } from 'zod';
import { buildApp } from '../../app.ts';
import { loadConfig } from '../../config.ts';
import { openDeps } from '../../deps.ts';
import { createCache } from '../../entitlements/cache.ts';
import { createLogger } from '../../platform/logger.ts';

const settings = z
  .object({
    kind: z.enum(['service', 'floors']),
    port: z.int(),
    databaseUrl: z.string(),
    redisUrl: z.string(),
    adminKey: z.string(),
    webhookSecret: z.string(),
    /** What a floor answers: the bytes of the service's own answer. */
    body: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'));

const logger = createLogger('warn');

async function startService(): Promise<string> {
  const config = loadConfig({
    DATABASE_URL: settings.databaseUrl,
    REDIS_URL: settings.redisUrl,
    STRIPE_SECRET_KEY: 'sk_test_bench',
    STRIPE_WEBHOOK_SECRETS: settings.webhookSecret,
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    ADMIN_API_KEY: settings.adminKey,
    LOG_LEVEL: 'warn',
  });
  const deps = openDeps(config, { logger });
  const app = await buildApp({
    ...deps,
    cache: createCache({ ...deps, cacheTtlSeconds: config.cacheTtlSeconds }),
    wake: () => undefined,
    jobsHealthy: () => true,
  });
  return app.listen({ host: '127.0.0.1', port: settings.port });
}

async function startFloor(): Promise<string> {
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
  });
  const redis = new Redis(settings.redisUrl, { enableAutoPipelining: true });
  const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 20 });
  await redis.set('bench:floor', settings.body);
  await pool.query('create table if not exists bench_floor (id bigserial primary key, body text)');
  await pool.query('truncate bench_floor');
  const { rows } = await pool.query<{ id: string }>(
    'insert into bench_floor (body) values ($1) returning id',
    [settings.body],
  );
  const id = rows[0]?.id ?? '';
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.get('/redis', async (request, reply) => {
    createHash('sha256')
      .update(request.headers.authorization ?? '')
      .digest();
    return reply.type('application/json').send(await redis.get('bench:floor'));
  });
  app.get('/select', async (request, reply) => {
    createHash('sha256')
      .update(request.headers.authorization ?? '')
      .digest();
    const found = await pool.query<{ body: string }>({
      name: 'floor',
      text: 'select body from bench_floor where id = $1',
      values: [id],
    });
    return reply.type('application/json').send(found.rows[0]?.body);
  });
  app.post('/insert', async (request, reply) => {
    const raw = request.body;
    if (!Buffer.isBuffer(raw)) throw new Error('no body');
    const signature = request.headers['stripe-signature'];
    Stripe.webhooks.constructEvent(raw, String(signature), settings.webhookSecret);
    await pool.query({
      name: 'floor-insert',
      text: 'insert into bench_floor (body) values ($1)',
      values: [raw.toString('utf8')],
    });
    return reply.type('application/json').send('{"received":true,"duplicate":false}');
  });
  return app.listen({ host: '127.0.0.1', port: settings.port });
}

const url = settings.kind === 'service' ? await startService() : await startFloor();
process.stdout.write(`listening ${url}\n`);
