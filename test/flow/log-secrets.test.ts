import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { type AppDeps, buildApp } from '../../src/app.ts';
import { closeDeps, openDeps } from '../../src/deps.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { openEventStream } from '../helpers/event-stream.ts';
import { text } from '../helpers/json.ts';
import { testSigning } from '../helpers/signing.ts';
import { adminKey, startTestService, type TestService, webhookSecret } from '../helpers/service.ts';

/* The log of a running service at its most verbose level, while everything that can fail does. */

const lines: string[] = [];
const log = { write: (line: string) => void lines.push(line) };

const wrongStripeKey = 'sk_test_a_real_key_51HabcDEF';
const databasePassword = 'the_password_of_postgres';
const redisPassword = 'the_password_of_redis';
const email = 'ann.buyer@shop.example';
const madeUpKey = `lk_0123abcd_${'q'.repeat(40)}`;
let projectKey: string;
let signature: string;
let userToken = '';
let signingKey = '';

let sandbox: Sandbox;
let service: TestService;

beforeAll(async () => {
  sandbox = await startSandbox({ secretKey: 'sk_test_another', delivery: 'manual' });
  service = await startTestService({
    ...{ log, stripeUrl: sandbox.url, stripeKey: wrongStripeKey },
    config: testSigning,
  });
  const [key] = testSigning.signingKeys;
  signingKey = key?.export({ type: 'pkcs8', format: 'pem' }).toString().split('\n')[1] ?? '';
  ({ key: projectKey } = await service.createProject('notes'));
});
afterAll(async () => {
  await service.close();
  await sandbox.close();
});

/** No line of the log holds any of the secrets; something was logged that says what happened. */
function expectQuiet(...told: RegExp[]): void {
  const text = lines.splice(0).join('');
  for (const pattern of told) expect(text).toMatch(pattern);
  const secrets = {
    adminKey,
    projectKey,
    madeUpKey,
    webhookSecret,
    signature,
    userToken,
    signingKey,
    wrongStripeKey,
    databasePassword,
    redisPassword,
    email,
  };
  for (const [name, secret] of Object.entries(secrets)) {
    if (secret !== '') expect(text.includes(secret), `${name} in ${text}`).toBe(false);
  }
}

function signed(body: string): string {
  const seconds = Math.floor(service.clock.now() / 1_000);
  signature = createHmac('sha256', webhookSecret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${signature}`;
}

const event = JSON.stringify({
  id: 'evt_1',
  object: 'event',
  type: 'customer.updated',
  api_version: '2026-10-28.dahlia',
  created: 1_793_491_200,
  livemode: false,
  data: { object: { id: 'cus_1', object: 'customer', email } },
});

/** Another application beside it, some of whose dependencies cannot be reached. */
async function withBroken(
  settings: { databaseUrl?: string; redisUrl?: string },
  work: (app: AppDeps) => Promise<void>,
): Promise<void> {
  const { logger, clock, loopDelay, config } = service.deps;
  const opened = openDeps({ ...config, ...settings }, { logger, clock, loopDelay });
  try {
    await work({ ...service.deps, ...opened });
  } finally {
    await closeDeps(opened);
  }
}

describe('the log, in every failure', () => {
  it('holds no key of a request, right or wrong, and none that is made', async () => {
    const read = '/entitlements?user_id=u_1';
    expect((await service.request('GET', read, { key: projectKey })).status).toBe(200);
    expect((await service.request('GET', read, { key: madeUpKey })).status).toBe(401);
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: email, scopes: ['read'] },
    });
    expect(made.status).toBe(201);
    expectQuiet(/"route":"\/api\/v1\/entitlements"/, /"status":401/);
  });

  it('holds no user token, in a header or in the URL of a stream, right or wrong', async () => {
    const made = await service.request('POST', '/user-tokens', {
      key: projectKey,
      body: { user_id: 'u_1' },
    });
    userToken = text(made.body, 'token');
    const read = await service.request('GET', '/entitlements', { key: userToken });
    expect(read.status).toBe(200);
    const url = await service.listen();
    const stream = await openEventStream(`${url}/api/v1/changes/stream?access_token=${userToken}`);
    await stream.take(1);
    stream.close();
    // A path without a route, a route that takes no token, and a token that has been changed.
    for (const path of ['changes/streams', 'entitlements', 'changes/stream']) {
      const spoiled = `access_token=${userToken}${path === 'changes/stream' ? 'x' : ''}`;
      const { status } = await service.request('GET', `/${path}?${spoiled}`);
      expect(status).toBe(path === 'changes/streams' ? 404 : 401);
    }
    await service.request('GET', `/admin/users/${userToken}`);
    await service.app.inject(`/${userToken}`);
    expectQuiet(/"route":"\/api\/v1\/changes\/stream"/, /"status":401/, /"status":404/);
  });

  it('holds no signature of a webhook, right or wrong, and nothing of what it says', async () => {
    const post = (header: string) =>
      service.request('POST', '/webhooks/stripe', {
        body: event,
        headers: { 'stripe-signature': header },
      });
    expect((await post(signed(event))).status).toBe(200);
    expect((await post(signed(`${event} `))).status).toBe(400);
    expectQuiet(/webhooks/);
  });

  it("holds neither Stripe's key, which Stripe's refusal quotes, nor what was sent to Stripe", async () => {
    await service.runWorker();
    expectQuiet(/a sync failed/, /StripeAuthenticationError/);
  });

  it('holds no password of Postgres while it cannot be reached', async () => {
    const databaseUrl = `postgresql://latchkey:${databasePassword}@127.0.0.1:9/latchkey`;
    await withBroken({ databaseUrl }, async (deps) => {
      const app = await buildApp(deps);
      const { statusCode } = await app.inject({
        url: '/api/v1/entitlements?user_id=u_1',
        headers: { authorization: `Bearer ${projectKey}` },
      });
      expect(statusCode).toBe(503);
      await app.close();
    });
    expectQuiet(/ECONNREFUSED/);
  });

  it('holds no password of Redis, which its refusal carries as part of the command', async () => {
    const url = new URL(inject('redisUrl'));
    url.username = 'somebody';
    url.password = redisPassword;
    await withBroken({ redisUrl: url.href }, async () => {
      while (!lines.join('').includes('Redis cannot be reached')) await sleep(5);
    });
    expectQuiet(/Redis cannot be reached/, /AUTH|WRONGPASS/);
  });

  it('holds no address that Postgres quotes from a row, in a message or beside it', async () => {
    const failure = Object.assign(
      new Error(`duplicate key value violates unique constraint: (${email})`),
      { code: '23505', detail: `Key (email)=(${email}) already exists.`, where: email },
    );
    const query = vi.spyOn(service.deps.database.pool, 'query');
    // `never`: the spy is typed after the callback forms, which nothing here uses.
    query.mockImplementation(() => Promise.reject(failure) as never);
    const { status } = await service.request('GET', '/entitlements?user_id=u_2', {
      key: projectKey,
    });
    query.mockRestore();
    expect(status).toBe(500);
    expectQuiet(/23505/);
  });
});
