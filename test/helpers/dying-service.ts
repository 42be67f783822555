/*
 * The service as a process that kills itself (SIGKILL) at a named step of ingestion, once SIGUSR2 has armed
 * it. Composed as in src/server.ts; only the steps are intercepted.
 */
import { buildApp } from '../../src/app.ts';
import { createFeed } from '../../src/changes/feed.ts';
import { type Background, startBackground } from '../../src/background.ts';
import { loadConfig } from '../../src/config.ts';
import { openDeps } from '../../src/deps.ts';
import { createCache } from '../../src/entitlements/read/cache.ts';
import type { Step } from './ingestion-steps.ts';

const dieAt = process.env['DIE_AT'];
let armed = false;
process.on('SIGUSR2', () => {
  armed = true;
  process.stdout.write('armed\n');
});

function reach(step: Step): void {
  if (armed && step === dieAt) process.kill(process.pid, 'SIGKILL');
}

const config = loadConfig(process.env);
const deps = openDeps(config);
const { database, redis } = deps;

const query = database.pool.query.bind(database.pool) as (...args: unknown[]) => Promise<{
  rowCount: number | null;
}>; // the promise forms, which the service uses
Object.assign(database.pool, {
  query: async (...args: unknown[]) => {
    const [asked] = args;
    const text = typeof asked === 'string' ? asked : JSON.stringify(asked);
    const result = await query(...args);
    if (text.includes('insert into webhook_events')) reach('stored');
    if (text.includes('set lease_until') && (result.rowCount ?? 0) > 0) reach('claimed');
    if (text.includes('next_number()') && !text.includes('insert')) reach('numbered');
    if (text.includes('set cache_pending_at = null')) reach('noted');
    return result;
  },
});
const transaction = database.transaction.bind(database);
database.transaction = async (write) => {
  reach('fetched');
  const result = await transaction(async (tx) => {
    const written = await write(tx);
    reach('written');
    return written;
  });
  reach('committed');
  return result;
};
if (redis !== null) {
  const del = redis.del.bind(redis) as (key: string) => Promise<number>; // the form that the cache uses
  Object.assign(redis, {
    del: async (key: string) => {
      const deleted = await del(key);
      reach('told');
      return deleted;
    },
  });
}

const feed = createFeed(deps);
const cache = createCache({
  ...deps,
  cacheTtlSeconds: config.cacheTtlSeconds,
  onChange: () => {
    feed.wake();
  },
});
const background: { current?: Background } = {};
const app = await buildApp({
  ...deps,
  cache,
  feed,
  wake: () => background.current?.wake(),
  jobsHealthy: () => background.current?.healthy() ?? false,
});
app.addHook('onResponse', (request, _reply, done) => {
  if (request.url.endsWith('/webhooks/stripe')) reach('acknowledged');
  done();
});
background.current = startBackground({ ...deps, cache, feed });
await app.listen({ host: config.host, port: config.port });
process.stdout.write('listening\n');
