import { once } from 'node:events';
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { startPostgres, type RunningPostgres } from '../../src/dev/postgres.ts';
import { findRedisServer, type RunningRedis, startRedis } from '../../src/dev/redis.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';

/* The real process, on a Postgres and a Redis of its own, which are stopped and started under it. */

const root = path.resolve(import.meta.dirname, '../..');
const adminKey = 'test_admin_key_of_more_than_32_characters';
const started = new Started();
let postgres: RunningPostgres;
let redis: RunningRedis;
let settings: Record<string, string>;
let dataDirectory: string;

beforeAll(async () => {
  dataDirectory = path.join(await temporaryDirectory('process', started), 'postgres');
  const program = findRedisServer();
  if (program === undefined) throw new Error('no redis-server is on the PATH');
  postgres = await startPostgres({ dataDirectory, persistent: true, settings: { fsync: 'off' } });
  started.add(() => postgres.stop());
  redis = await startRedis(program);
  started.add(() => redis.stop());
  settings = {
    DATABASE_URL: postgres.url('postgres'),
    REDIS_URL: redis.url,
    STRIPE_SECRET_KEY: 'sk_test_123',
    STRIPE_WEBHOOK_SECRETS: 'whsec_test_secret',
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    ADMIN_API_KEY: adminKey,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    DRAIN_SECONDS: '0',
  };
});
afterAll(() => started.stop());

function run(environment: Record<string, string>): ChildProcess & { output: () => string } {
  const child = spawn(process.execPath, [path.join(root, 'src/server.ts')], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return Object.assign(child, { output: () => output });
}

/** Asks until the answer is as wished, and says how long that took; fails with the last one after `withinMs`. */
async function eventually<T>(
  withinMs: number,
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
): Promise<number> {
  const begun = Date.now();
  for (;;) {
    const answer = await ask().catch((error: unknown) => error);
    const took = Date.now() - begun;
    if (!(answer instanceof Error) && isRight(answer as T)) return took; // the result of ask
    if (took > withinMs) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the process', () => {
  it('does not start on settings that cannot be used, and lists all faults at once', async () => {
    const child = run({ STRIPE_SECRET_KEY: 'pk_test_1', ADMIN_API_KEY: 'short', PORT: 'http' });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(1);
    for (const name of [
      'DATABASE_URL is not set',
      'STRIPE_WEBHOOK_SECRETS is not set',
      'STRIPE_SECRET_KEY: must be',
      'ADMIN_API_KEY: ',
      'PORT: must be a whole number',
    ]) {
      expect(child.output()).toContain(name);
    }
    expect(child.output()).not.toContain('    at ');
  });

  it('is unready while Postgres is away, degraded without Redis, ready again when they are back, and stops on SIGTERM', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const child = run({ ...settings, PORT: String(port) });
    const exited = once(child, 'exit') as Promise<[number]>;
    started.add(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    const ready = async () => {
      const response = await fetch(`${url}/ready`);
      return { status: response.status, body: (await response.json()) as { status: string } };
    };
    const read = async (userId = 'u_1') =>
      (
        await fetch(`${url}/api/v1/entitlements?user_id=${userId}&project_id=notes`, {
          headers: { authorization: `Bearer ${adminKey}` },
        })
      ).status;
    await eventually(20_000, ready, ({ body }) => body.status === 'ready');
    const make = async () =>
      (
        await fetch(`${url}/api/v1/admin/projects`, {
          method: 'POST',
          headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
          body: JSON.stringify({ id: 'notes', name: 'Notes' }),
        })
      ).status;
    // A busy machine may make the process late at first, and operators are the first to be put off.
    await eventually(10_000, make, (status) => status === 201);
    expect(await read()).toBe(200);

    await postgres.stop();
    await eventually(2_000, ready, ({ status }) => status === 503);
    expect(await read()).toBe(200); // from the cache
    expect(await read('u_not_cached')).toBe(503);
    postgres = await startPostgres({
      dataDirectory,
      persistent: true,
      port: postgres.port,
      settings: { fsync: 'off' },
    });
    await eventually(10_000, ready, ({ body }) => body.status === 'ready');
    expect(await read()).toBe(200);

    await redis.stop();
    await eventually(
      5_000,
      ready,
      ({ status, body }) => status === 200 && body.status === 'degraded',
    );
    expect(await read()).toBe(200);

    const output = () => Promise.resolve(child.output());
    await eventually(5_000, output, (text) => text.includes('Redis cannot be reached'));

    child.kill('SIGTERM');
    const [code] = await exited;
    // Once for the outage, however often connecting was tried.
    expect(child.output().match(/Redis cannot be reached/g)).toHaveLength(1);
    expect(child.output()).not.toContain('could not stop');
    expect(code).toBe(0);
  }, 60_000);

  it('ends at once at the second signal, and its code says that this was not in order', async () => {
    const port = await freePort();
    const child = run({
      ...settings,
      PORT: String(port),
      LOG_LEVEL: 'info',
      DRAIN_SECONDS: '60',
    });
    const exited = once(child, 'exit') as Promise<[number]>;
    started.add(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    const live = async () => (await fetch(`http://127.0.0.1:${port}/live`)).status;
    await eventually(20_000, live, (status) => status === 200);
    child.kill('SIGTERM');
    const output = () => Promise.resolve(child.output());
    await eventually(5_000, output, (text) => text.includes('"stopping"'));
    expect(await live()).toBe(200);
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(1);
  });
});
