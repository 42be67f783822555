/*
 * The noisy project, in a thread of its own. Each connection repeats one kind of request without a pause and
 * rotates through the project's keys. Counts the answers and posts the counts when it receives `stop`.
 */
import { randomUUID } from 'node:crypto';
import { Agent, request as send } from 'node:http';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { signedEvent } from '../bench/webhook-event.ts';
import type { NoiseCount, NoiseData } from './stage.ts';

interface Ask {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  body?: object | string;
  headers?: Record<string, string>;
}

const api = '/api/v1';
const { url, keys, users, priceId, origin, connections } = workerData as NoiseData; // from main.ts
const userIds = Array.from({ length: users }, (_, number) => `user_${number}`);
// On Linux this is the priority of the thread: the load generator must not delay the measurement.
setPriority(19);
let turn = 0;

function anyUser(): string {
  turn += 1;
  return userIds[turn % users] ?? '';
}

function signed(): Ask {
  const { body, signature } = signedEvent();
  return {
    method: 'POST',
    path: `${api}/webhooks/stripe`,
    body,
    headers: { 'stripe-signature': signature },
  };
}

const kinds: Readonly<Record<string, () => Ask>> = {
  'cached reads': () => ({ method: 'GET', path: `${api}/entitlements?user_id=user_1` }),
  'strong reads': () => ({
    method: 'GET',
    path: `${api}/entitlements?user_id=${anyUser()}&consistency=strong`,
  }),
  'historic reads': () => ({
    method: 'GET',
    path: `${api}/entitlements?user_id=${anyUser()}&known_at=${new Date(Date.now() - 1_000).toISOString()}`,
  }),
  batches: () => ({
    method: 'POST',
    path: `${api}/entitlements/batch`,
    body: { user_ids: Array.from({ length: 100 }, anyUser) },
  }),
  explanations: () => ({
    method: 'GET',
    path: `${api}/entitlements/explain?user_id=${anyUser()}&feature_code=f_1`,
  }),
  histories: () => ({
    method: 'GET',
    path: `${api}/entitlements/history?user_id=${anyUser()}&limit=100`,
  }),
  'users of a feature': () => ({ method: 'GET', path: `${api}/features/f_1/users?limit=100` }),
  reports: () => ({ method: 'GET', path: `${api}/metrics` }),
  'dry runs': () => ({
    method: 'PUT',
    path: `${api}/admin/features/f_1?dry_run=true`,
    body: { name: 'f_1', type: 'boolean' },
  }),
  'bulk grants': () => ({
    method: 'POST',
    path: `${api}/admin/grants/bulk`,
    body: {
      reason: 'noise',
      grants: Array.from({ length: 200 }, () => ({ user_id: anyUser(), feature_code: 'f_2' })),
    },
  }),
  'link runs': () => ({
    method: 'POST',
    path: `${api}/admin/customers/link`,
    body: {
      pairs: Array.from({ length: 200 }, () => ({
        user_id: anyUser(),
        stripe_customer_id: `cus_${randomUUID().replaceAll('-', '')}`,
      })),
    },
  }),
  checkouts: () => ({
    method: 'POST',
    path: `${api}/checkout/sessions`,
    body: {
      ...{ user_id: anyUser(), price_id: priceId },
      ...{ success_url: `${origin}/welcome`, cancel_url: origin },
    },
  }),
  webhooks: signed,
};

const counts = new Map<string, NoiseCount>();
let stopped = false;

async function repeat(kind: string, next: () => Ask, nth: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const count = counts.get(kind) ?? { kind, taken: 0, refused: 0, failed: 0 };
  counts.set(kind, count);
  for (let asked = nth; !stopped; asked += 1) {
    const status = await statusOf(agent, next(), keys[asked % keys.length] ?? '');
    if (status < 300) count.taken += 1;
    else if (status === 429 || status === 503) count.refused += 1;
    else count.failed += 1;
  }
  agent.destroy();
}

function statusOf(agent: Agent, { method, path, body, headers }: Ask, key: string) {
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  return new Promise<number>((resolve) => {
    const request = send(
      url + path,
      {
        ...{ agent, method },
        headers: {
          authorization: `Bearer ${key}`,
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      },
      (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    );
    request.on('error', () => {
      resolve(0);
    });
    request.end(text);
  });
}

parentPort?.once('message', () => {
  stopped = true;
});
const all = Object.entries(kinds);
await Promise.all(
  Array.from({ length: connections }, (_, nth) => {
    const [kind, next] = all[nth % all.length] ?? ['webhooks', signed];
    return repeat(kind, next, nth);
  }),
);
parentPort?.postMessage([...counts.values()]);
