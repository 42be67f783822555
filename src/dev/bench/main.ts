/*
 * The program behind `npm run bench`: the service's hot paths beside floors, in one run, in alternating
 * rounds. Only ratios within one run mean anything; the absolute figures are this machine's.
 */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import autocannon from 'autocannon';
import Stripe from 'stripe';
import { z } from 'zod';
import { applyMigrations } from '../../platform/migrate.ts';
import { startChild } from '../child.ts';
import { freePort } from '../ports.ts';
import { startPostgres } from '../postgres.ts';
import { findRedisServer, startRedis } from '../redis.ts';
import { Started } from '../started.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type Comparison, comparisons, type Load } from './paths.ts';

const seconds = Number(process.env['BENCH_SECONDS'] ?? 4);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const connections = 32;
const adminKey = 'bench_admin_key_of_more_than_32_characters';
const webhookSecret = 'whsec_bench_secret';
const projectId = 'bench';
const cachedUser = 'u_bench';
const resultFile = 'bench-results.json';

interface Measured {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  errors: number;
}

async function measure({ url, method, headers, fit }: Load): Promise<Measured> {
  const result = await autocannon({
    url,
    method,
    headers,
    connections,
    duration: seconds,
    ...(fit === undefined ? {} : { requests: [{ method, headers, setupRequest: fit }] }),
  });
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors:
      result.errors + result.non2xx - (headers['if-none-match'] === undefined ? 0 : result['3xx']),
  };
}

async function startServer(started: Started, settings: object): Promise<string> {
  const port = await freePort();
  const server = await startChild({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'server.ts'), JSON.stringify({ ...settings, port })],
    ready: 'listening ',
    stopSignal: 'SIGTERM',
  });
  started.add(() => server.stop());
  return `http://127.0.0.1:${port}`;
}

async function call(serviceUrl: string, method: string, route: string, body?: object) {
  const response = await fetch(`${serviceUrl}/api/v1${route}`, {
    method,
    headers: {
      authorization: `Bearer ${adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok)
    throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return response;
}

/** A project with its key, and a user with six features: what the apps of real life ask with, and for. */
async function seed(serviceUrl: string): Promise<Seeded> {
  await call(serviceUrl, 'POST', '/admin/projects', { id: projectId, name: 'Bench' });
  const made = await call(serviceUrl, 'POST', `/admin/projects/${projectId}/keys`, {
    name: 'bench',
    scopes: ['read'],
  });
  const { key } = z.object({ key: z.string() }).parse(await made.json());
  for (let i = 1; i <= 6; i += 1) {
    const code = `feature_${i}`;
    await call(serviceUrl, 'PUT', `/admin/features/${code}`, {
      project_id: projectId,
      name: code,
      type: 'boolean',
    });
    await call(serviceUrl, 'POST', '/admin/grant', {
      project_id: projectId,
      user_id: cachedUser,
      feature_code: code,
      reason: 'bench',
    });
  }
  const route = `/entitlements?project_id=${projectId}&user_id=${cachedUser}`;
  await call(serviceUrl, 'GET', route);
  const hit = await call(serviceUrl, 'GET', route);
  if (hit.headers.get('latchkey-cache') !== 'hit') throw new Error('the second read is not a hit');
  return { key, body: await hit.text(), etag: hit.headers.get('etag') ?? '' };
}

function signedEvent(): { body: string; signature: string } {
  const id = randomUUID();
  const body = JSON.stringify({
    id: `evt_${id}`,
    object: 'event',
    type: 'customer.subscription.updated',
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    data: { object: { id: `sub_${id}`, object: 'subscription', padding: 'x'.repeat(2_000) } },
  });
  const options = { payload: body, secret: webhookSecret };
  return { body, signature: Stripe.webhooks.generateTestHeaderString(options) };
}

interface Seeded {
  /** Of the project. */
  key: string;
  /** The bytes of the user's answer, and its tag. */
  body: string;
  etag: string;
}

interface Row {
  path: string;
  floor: string;
  service: Measured;
  floorMeasured: Measured;
  throughputRatio: number;
}

async function compare(comparison: Comparison): Promise<Row> {
  const service: Measured[] = [];
  const floor: Measured[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`  ${comparison.name}: round ${round} of ${rounds}\n`);
    floor.push(await measure(comparison.floor));
    service.push(await measure(comparison.service));
  }
  const own = middle(service);
  const least = middle(floor);
  return {
    path: comparison.name,
    floor: comparison.floorName,
    service: own,
    floorMeasured: least,
    throughputRatio: own.requestsPerSecond / least.requestsPerSecond,
  };
}

/** The round with the median throughput, with the errors of all. */
function middle(measured: Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) throw new Error('nothing was measured');
  return { ...median, errors: measured.reduce((sum, { errors }) => sum + errors, 0) };
}

function print(rows: Row[]): void {
  console.log(
    `\n${'path'.padEnd(24)}${'req/s'.padStart(9)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}` +
      `${'ratio'.padStart(8)}${'errors'.padStart(8)}   floor (req/s, p99 ms)`,
  );
  for (const { path: name, floor, service, floorMeasured, throughputRatio } of rows) {
    console.log(
      name.padEnd(24) +
        service.requestsPerSecond.toFixed(0).padStart(9) +
        service.p50Ms.toFixed(1).padStart(9) +
        service.p99Ms.toFixed(1).padStart(9) +
        throughputRatio.toFixed(2).padStart(8) +
        String(service.errors + floorMeasured.errors).padStart(8) +
        `   ${floor} (${floorMeasured.requestsPerSecond.toFixed(0)}, ${floorMeasured.p99Ms.toFixed(1)})`,
    );
  }
  console.log(
    `\nWritten to ${resultFile}. Ratios within one run compare; figures of two runs do not.`,
  );
}

async function main(started: Started): Promise<number> {
  const program = findRedisServer();
  if (program === undefined) {
    console.error(
      'The bench needs a redis-server on the PATH (Debian: apt-get install redis-server).',
    );
    return 1;
  }
  const directory = await temporaryDirectory('bench', started);
  const postgres = await startPostgres({
    dataDirectory: path.join(directory, 'postgres'),
    persistent: false,
  });
  started.add(() => postgres.stop());
  const redis = await startRedis(program);
  started.add(() => redis.stop());
  const databaseUrl = postgres.url('postgres');
  await applyMigrations(databaseUrl);
  const shared = { databaseUrl, redisUrl: redis.url, adminKey, webhookSecret };
  const serviceUrl = await startServer(started, { ...shared, kind: 'service', body: '' });
  const { key, body, etag } = await seed(serviceUrl);
  const authorization = `Bearer ${key}`;
  const floorsUrl = await startServer(started, { ...shared, kind: 'floors', body });
  const paths = comparisons({
    ...{ serviceUrl, floorsUrl, authorization, projectId, cachedUser, etag, signedEvent },
  });
  const rows: Row[] = [];
  for (const comparison of paths) rows.push(await compare(comparison));
  print(rows);
  await writeFile(
    resultFile,
    `${JSON.stringify({ seconds, rounds, connections, rows }, null, 2)}\n`,
  );
  return rows.some(({ service, floorMeasured }) => service.errors + floorMeasured.errors > 0)
    ? 1
    : 0;
}

const started = new Started();
started.endOnSignal();
try {
  process.exitCode = await main(started);
} finally {
  await started.stop();
}
