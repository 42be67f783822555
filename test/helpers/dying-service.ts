/*
 * The service as a process that kills itself (SIGKILL) at a named step of ingestion, once SIGUSR2 has armed
 * it. It runs as src/server.ts runs it; only the steps are intercepted.
 */
import { loadConfig } from '../../src/config.ts';
import { openDeps } from '../../src/deps.ts';
import { runService } from '../../src/run-service.ts';
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

const deps = openDeps(loadConfig(process.env));
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
      reach('invalidated');
      return deleted;
    },
  });
}

await runService(deps, (app) => {
  app.addHook('onResponse', (request, _reply, done) => {
    if (request.url.endsWith('/webhooks/stripe')) reach('acknowledged');
    done();
  });
});
process.stdout.write('listening\n');
