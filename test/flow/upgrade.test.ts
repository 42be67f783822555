import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { breaksInstances } from '../migrations/compatibility.ts';
import { freePort } from '../../src/dev/ports.ts';
import { Started } from '../../src/dev/started.ts';
import { readMigrations } from '../../src/platform/migrate.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { at } from '../helpers/json.ts';
import { adminKey, webhookSecret } from '../helpers/service.ts';

/*
 * Real processes while a release replaces another. The next release is this one with an additional migration,
 * which may do whatever `npm run migrate:check` accepts.
 */

const serverPath = path.resolve(import.meta.dirname, '../../src/server.ts');

/** A process starts in two seconds, and on a machine that is busy with other tests in many. */
const startWithinMs = 120_000;

/** A possible next release. */
const nextMigration = {
  name: '20991231235959_next_release',
  sql: `
    create table notes (id text primary key, uid bigint references users (uid) on delete cascade);
    alter table users add column nickname text, add column tier text not null default 'basic';
    alter table grants add column ticket text;
    alter table webhook_events add column region text not null default 'eu';
    alter table entitlement_segments add column note jsonb;
    create index users_by_nickname on users (nickname);`,
};

const started = new Started();
afterAll(() => started.stop());

interface Instance {
  child: ChildProcess;
  url: string;
}

/** Starts an instance, which need not be ready yet. */
async function start(databaseUrl: string): Promise<Instance> {
  const port = await freePort();
  const child = spawn(process.execPath, [serverPath], {
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: databaseUrl,
      REDIS_URL: inject('redisUrl'),
      STRIPE_SECRET_KEY: 'sk_test_123',
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      ADMIN_API_KEY: adminKey,
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'fatal',
      DRAIN_SECONDS: '0',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit');
  started.add(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return { child, url: `http://127.0.0.1:${port}` };
}

async function ready({ child, url }: Instance): Promise<void> {
  for (;;) {
    const ended = child.signalCode ?? child.exitCode;
    if (ended !== null) throw new Error(`the process ended: ${ended}`);
    const status = await fetch(`${url}/ready`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
}

/** @throws Error if the response is not a 2xx. */
async function ask(
  instance: Instance,
  method: string,
  way: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(`${instance.url}/api/v1${way}`, {
    method,
    headers: {
      authorization: `Bearer ${adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  // A busy machine puts operators off.
  if (at(answer, 'code') === 'overloaded') {
    await sleep(200);
    return ask(instance, method, way, body);
  }
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

async function prepare(instance: Instance): Promise<void> {
  await ask(instance, 'POST', '/admin/projects', { id: 'notes', name: 'Notes' });
  const feature = { project_id: 'notes', name: 'Export', type: 'boolean' };
  await ask(instance, 'PUT', '/admin/features/export', feature);
}

function grant(instance: Instance, userId: string): Promise<unknown> {
  const what = { project_id: 'notes', user_id: userId, feature_code: 'export' };
  return ask(instance, 'POST', '/admin/grant', { ...what, reason: 'a test' });
}

async function isEntitled(instance: Instance, userId: string): Promise<boolean> {
  const query = `project_id=notes&user_id=${userId}&feature_code=export`;
  return at(await ask(instance, 'GET', `/entitlements/check?${query}`), 'allowed') === true;
}

/** Sends an event for which nothing is fetched. Resolves with its outcome. */
async function tell(instance: Instance, id: string): Promise<unknown> {
  const payload = JSON.stringify({
    ...{ id, object: 'event', type: 'balance.available', api_version: null, livemode: false },
    ...{ created: 1_790_000_000, data: { object: { object: 'balance' } } },
  });
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: webhookSecret });
  const response = await fetch(`${instance.url}/api/v1/webhooks/stripe`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    body: payload,
  });
  if (!response.ok) throw new Error(await response.text());
  return at(await ask(instance, 'GET', `/admin/events/${id}`), 'status');
}

async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

describe('under the schema of the next release', { timeout: startWithinMs }, () => {
  let databaseUrl: string;
  let before: Instance;

  beforeAll(async () => {
    const { url, drop } = await createTestDatabase();
    started.add(drop);
    databaseUrl = url;
    before = await start(databaseUrl);
    await ready(before);
    await prepare(before);
    await grant(before, 'u_before');
    await administer(
      databaseUrl,
      nextMigration.sql,
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       values ('${randomUUID()}', 'of the next release', '${nextMigration.name}', now(), 1)`,
    );
  }, startWithinMs);

  it('whose migration may stand, by the rule of `npm run migrate:check`', async () => {
    expect(breaksInstances(nextMigration, await readMigrations())).toEqual([]);
  });

  it('an instance of this one stays ready, reads and writes, and takes events', async () => {
    await ready(before);
    await grant(before, 'u_after');
    expect(await tell(before, 'evt_after')).toBe('ignored');

    expect(await isEntitled(before, 'u_before')).toBe(true);
    expect(await isEntitled(before, 'u_after')).toBe(true);
  });

  it('one that starts, as where an update is taken back, does all that, too', async () => {
    const again = await start(databaseUrl);
    await ready(again);
    await grant(again, 'u_again');
    expect(await tell(again, 'evt_again')).toBe('ignored');

    expect(await isEntitled(again, 'u_again')).toBe(true);
    expect(await isEntitled(before, 'u_again')).toBe(true);
  });
});

it(
  'instances that start at once on a database that is to be migrated all come up, and it is migrated once',
  { timeout: startWithinMs },
  async () => {
    const name = `latchkey_test_${randomUUID().replaceAll('-', '')}`;
    const url = new URL(inject('databaseUrl'));
    url.pathname = `/${name}`;
    await administer(inject('databaseUrl'), `create database ${name}`);
    started.add(() => administer(inject('databaseUrl'), `drop database ${name} with (force)`));

    const [first, second] = await Promise.all([start(url.href), start(url.href)]);
    await Promise.all([ready(first), ready(second)]);
    await prepare(first);
    await grant(second, 'u_1');

    expect(await isEntitled(first, 'u_1')).toBe(true);
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    const applied = await client.query<{ migration_name: string }>(
      'select migration_name from _prisma_migrations order by 1',
    );
    await client.end();
    expect(applied.rows.map((row) => row.migration_name)).toEqual(
      (await readMigrations()).map((migration) => migration.name),
    );
  },
);
