import { createHistogram } from 'node:perf_hooks';
import { z } from 'zod';
import { createLatchkey, type Latchkey } from '../../src/client/index.ts';
import type { Server } from './load.ts';
import { type PushRow, toRow } from './push-rows.ts';
import { post, reached } from './push-world.ts';

const users = 1_000;
const checks = 1_000_000;
const clients = 100;
const revokes = 20;
const project = 'client';
const feature = 'export';

/** The figures of the client: what a check costs an app, and how soon 100 instances of it see a revoke. */
export interface ClientFigures {
  checksPerSecond: number;
  /** Requests for all checks, from an empty cache. */
  requests: number;
  revoke: PushRow;
  isWithin: boolean;
}

/** Measures the client against a service. */
export async function measureClient(service: Server): Promise<ClientFigures> {
  const keys = await createProject(service);
  const { requests, checksPerSecond } = await measureChecks(service, keys[0] ?? '');
  const revoke = await measureRevokes(service, keys);
  return {
    ...{ checksPerSecond, requests, revoke },
    isWithin: checksPerSecond >= 1_000_000 && requests <= 1_100 && revoke.isWithin,
  };
}

/** Returns two keys, since one holds 100 streams at most. */
async function createProject(service: Server): Promise<string[]> {
  await post(service, '/admin/projects', { id: project, name: project });
  const body = { project_id: project, name: 'Export', type: 'boolean' };
  await post(service, `/admin/features/${feature}`, body, 'PUT');
  await post(service, '/admin/grants/bulk', {
    ...{ project_id: project, reason: 'the bench' },
    grants: Array.from({ length: users }, (_, nth) => ({
      ...{ user_id: `u_${nth}`, feature_code: feature },
    })),
  });
  const keys: string[] = [];
  for (const name of ['one', 'two']) {
    const made = await post(service, `/admin/projects/${project}/keys`, { name, scopes: ['read'] });
    keys.push(z.object({ key: z.string() }).parse(made).key);
  }
  return keys;
}

/** Checks one after the other, as one core does; first from an empty cache, then from a full one. */
async function measureChecks(
  { url }: Server,
  key: string,
): Promise<{ requests: number; checksPerSecond: number }> {
  let requests = 0;
  const latchkey = createLatchkey({
    ...{ url, key, timeoutMs: 10_000 },
    fetch: (...request) => {
      requests += 1;
      return fetch(...request);
    },
  });
  const ids = Array.from({ length: users }, (_, nth) => `u_${nth}`);
  const checkAll = async (): Promise<number> => {
    const startedAt = performance.now();
    for (let nth = 0; nth < checks; nth += 1) {
      if (!(await latchkey.allows(ids[nth % users] ?? '', feature))) throw new Error('denied');
    }
    return (checks * 1_000) / (performance.now() - startedAt);
  };
  await checkAll();
  const forAll = requests;
  const rates = [await checkAll(), await checkAll(), await checkAll()].sort((a, b) => a - b);
  await latchkey.close();
  return { requests: forAll, checksPerSecond: rates[1] ?? NaN };
}

/** Revokes users one after the other; measures until each client denies each. */
async function measureRevokes(service: Server, keys: readonly string[]): Promise<PushRow> {
  const open: Latchkey[] = [];
  for (let nth = 0; nth < clients; nth += 1) {
    const key = keys[nth % keys.length] ?? '';
    open.push(createLatchkey({ url: service.url, key, timeoutMs: 10_000 }));
  }
  const delays = createHistogram();
  try {
    await allHear(service, open);
    for (let nth = 0; nth < revokes; nth += 1) {
      const userId = `u_${nth}`;
      await Promise.all(open.map((latchkey) => latchkey.allows(userId, feature)));
      const reports: (() => void)[] = [];
      const startedAt = performance.now();
      const seen = open.map(
        (latchkey) =>
          new Promise<void>((resolve) => {
            reports.push(
              latchkey.on('change', (change) => {
                if (change.user_id !== userId) return;
                void latchkey.allows(userId, feature).then((isAllowed) => {
                  if (isAllowed) return;
                  delays.record(Math.max(1, Math.round(performance.now() - startedAt)));
                  resolve();
                });
              }),
            );
          }),
      );
      await post(service, '/admin/revoke', {
        ...{ project_id: project, user_id: userId, feature_code: feature, reason: 'the bench' },
      });
      await Promise.all(seen);
      for (const end of reports) end();
    }
  } finally {
    await Promise.all(open.map((latchkey) => latchkey.close()));
  }
  return toRow(`a revoke is seen by ${clients} clients, from its request on`, delays, 1_000);
}

/** Resolves once the streams of all clients work. */
async function allHear(service: Server, open: readonly Latchkey[]): Promise<void> {
  const heard = new Set<number>();
  for (const [nth, latchkey] of open.entries()) latchkey.on('change', () => heard.add(nth));
  const until = Date.now() + 30_000;
  while (heard.size < open.length) {
    if (Date.now() > until) throw new Error('not every client has a stream');
    await post(service, '/admin/grant', {
      ...{ project_id: project, user_id: 'u_beacon', feature_code: feature, reason: 'the bench' },
    });
    await reached(() => heard.size >= open.length, 1_000).catch(() => undefined);
  }
}
