import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/* The real process is stopped under full load. */

const adminKey = 'test_admin_key_of_more_than_32_characters';
const drainSeconds = 1;

let database: TestDatabase;
let child: ChildProcess;
let exited: Promise<[number | null]>;
let url: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  child = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../src/server.ts')], {
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: database.url,
      REDIS_URL: inject('redisUrl'),
      STRIPE_SECRET_KEY: 'sk_test_123',
      STRIPE_WEBHOOK_SECRETS: 'whsec_test_secret',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      ADMIN_API_KEY: adminKey,
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'warn',
      KEY_MAX_RPS: '1000000',
      DRAIN_SECONDS: String(drainSeconds),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  exited = once(child, 'exit') as Promise<[number | null]>;
  while ((await ready()).status !== 200) await sleep(20);
  const make = async (): Promise<number> =>
    (
      await fetch(`${url}/api/v1/admin/projects`, {
        method: 'POST',
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ id: 'notes', name: 'Notes' }),
      })
    ).status;
  let made = await make();
  // A busy machine puts operators off.
  while (made === 503) made = await make();
  expect(made).toBe(201);
});
afterAll(async () => {
  child.kill('SIGKILL');
  await exited;
  await database.drop();
});

async function ready(): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(`${url}/ready`, { headers: { connection: 'close' } });
    return { status: response.status, body: await response.text() };
  } catch {
    return { status: 0, body: '' };
  }
}

/** One request on a connection of the agent's; what the network says instead of a status is a failure. */
function ask(agent: Agent): Promise<{ status: number; closes: boolean }> {
  return new Promise((resolve, reject) => {
    request(
      `${url}/api/v1/entitlements?user_id=u_1&project_id=notes`,
      { agent, headers: { authorization: `Bearer ${adminKey}` } },
      (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, closes: headers.connection === 'close' });
        });
      },
    )
      .on('error', reject)
      .end();
  });
}

describe('a process that is stopped', () => {
  it('fails no request: /ready says so at once, and all that come until the drain is over are answered', async () => {
    const answers: { at: number; status: number; closes: boolean }[] = [];
    const failures: unknown[] = [];
    let told = false;
    /** As a balancer's: it keeps its connections, and sends until it has seen that the process stops. */
    async function client(): Promise<void> {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!told) {
        await ask(agent).then(
          (answer) => answers.push({ at: performance.now(), ...answer }),
          (error: unknown) => failures.push(error),
        );
      }
      agent.destroy();
    }
    const clients = Array.from({ length: 16 }, () => client());
    while (answers.length < 200) await sleep(10);

    child.kill('SIGTERM');
    const toldAt = performance.now();
    let seen = await ready();
    while (seen.status === 200) seen = await ready();
    expect(seen).toEqual({ status: 503, body: '{"status":"stopping"}' });
    expect(performance.now() - toldAt).toBeLessThan(drainSeconds * 1_000);
    const seenAt = performance.now();
    // Load balancers poll: until the next poll, this one keeps sending.
    await sleep((drainSeconds * 1_000) / 2);
    told = true;
    await Promise.all(clients);

    expect(failures).toEqual([]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const late = answers.filter(({ at }) => at > seenAt);
    expect(late.length).toBeGreaterThan(20);
    // So each went to a connection of its own, as a new client's does.
    const last = late.slice(-16);
    expect(last.every(({ closes }) => closes)).toBe(true);

    const [code] = await exited;
    expect(code).toBe(0);
    expect(performance.now() - toldAt).toBeGreaterThan(drainSeconds * 1_000);
  });
});
