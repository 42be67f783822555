import path from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { z } from 'zod';
import { startChild } from '../../src/dev/child.ts';
import { freePort } from '../../src/dev/ports.ts';
import type { RunningPostgres } from '../../src/dev/postgres.ts';
import { startRedis } from '../../src/dev/redis.ts';
import type { Started } from '../../src/dev/started.ts';
import { decodeAnswer, encodeAnswer } from '../../src/entitlements/read/cached-answer.ts';
import { applyMigrations } from '../../src/platform/migrate.ts';
import { floorKey } from './floors.ts';
import type { Server } from './load.ts';
import { type Population, seedFloors, seedUsers, userName } from './seed.ts';

export const adminKey = 'bench_admin_key_of_more_than_32_characters';
export const webhookSecret = 'whsec_bench_secret';
const projectId = 'bench';

/** Long enough that an answer cached at the start lasts to the end. */
const cacheTtlSeconds = 3_600;

/** In mixed reads, every n-th user's answer is kept out of the cache. */
export const uncachedEvery = 5;

export interface SubjectOptions {
  name: string;
  population: Omit<Population, 'projectId'>;
  postgres: RunningPostgres;
  redisProgram: string;
  autoPipelining: boolean;
  /** The folder for the profiles of the two processes. */
  profileDirectory: string | undefined;
}

/** The service and its floors, on a private database and Redis. */
export interface Subject {
  service: Server;
  floors: Server;
  redis: Redis;
  users: number;
  authorization: string;
  /** The first user's answer, which is cached, and its tag. */
  body: string;
  etag: string;
  keyOf: (user: number) => string;
  /** Returns the answer for a user. */
  bodyOf: (user: number) => string;
}

/** A private database and Redis, and the servers on them. */
export interface Ground {
  databaseUrl: string;
  redisUrl: string;
  /** Starts a server: `push` is the service with its background work. */
  start: (kind: 'service' | 'push' | 'floors') => Promise<Server>;
}

export type GroundOptions = Omit<SubjectOptions, 'population'>;

export async function openGround(options: GroundOptions, started: Started): Promise<Ground> {
  const { autoPipelining, name, postgres, profileDirectory } = options;
  const databaseUrl = await createDatabase(postgres, name);
  await applyMigrations(databaseUrl);
  const redisServer = await startRedis(options.redisProgram);
  started.add(() => redisServer.stop());
  const redisUrl = redisServer.url;
  const profiling =
    profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  return {
    ...{ databaseUrl, redisUrl },
    start: (kind) =>
      startServer(started, profiling, {
        ...{
          kind,
          databaseUrl,
          redisUrl,
          adminKey,
          webhookSecret,
          cacheTtlSeconds,
          autoPipelining,
        },
      }),
  };
}

export async function startSubject(options: SubjectOptions, started: Started): Promise<Subject> {
  const { name, population } = options;
  const { databaseUrl, redisUrl, start } = await openGround(options, started);
  const redis = new Redis(redisUrl);
  started.add(() => {
    redis.disconnect();
    return Promise.resolve();
  });
  const service = await start('service');
  const authorization = await createProject(service, projectId, ['read']);
  process.stderr.write(`  ${name}: storing ${population.users} users\n`);
  await seedUsers(databaseUrl, { ...population, projectId });
  const { body, etag } = await firstAnswer(service, authorization);
  await seedFloors(databaseUrl, population.users, body);
  await redis.set(floorKey, body);
  const firstKey = (await redis.keys(`latchkey:*:${userName(1)}`))[0] ?? '';
  const prefix = firstKey.slice(0, -userName(1).length);
  return {
    service,
    floors: await start('floors'),
    ...{ redis, users: population.users, authorization, body, etag },
    keyOf: (user) => prefix + userName(user),
    bodyOf: (user) => body.replace(`"${userName(1)}"`, `"${userName(user)}"`),
  };
}

/** Caches the answers of all users except every fifth, as if each had been read. */
export async function fillCache({ redis, users, body, keyOf, bodyOf }: Subject): Promise<void> {
  const first = decodeAnswer((await redis.get(keyOf(1))) ?? '', 0);
  if (first?.bodyText !== body)
    throw new Error('the answer in the cache is not the one that was sent');
  for (let from = 1; from <= users; from += 5_000) {
    const batch = redis.pipeline();
    for (let user = from; user < from + 5_000 && user <= users; user += 1) {
      if (user % uncachedEvery === 0) continue;
      const answer = encodeAnswer({ ...first, bodyText: bodyOf(user) });
      batch.set(keyOf(user), answer, 'EX', cacheTtlSeconds);
    }
    await batch.exec();
  }
}

async function startServer(
  started: Started,
  nodeOptions: string[],
  settings: object,
): Promise<Server> {
  const port = await freePort();
  const server = await startChild({
    command: process.execPath,
    args: [
      ...nodeOptions,
      path.join(import.meta.dirname, 'server.ts'),
      JSON.stringify({ ...settings, port }),
    ],
    ready: 'listening ',
    stopSignal: 'SIGTERM',
  });
  started.add(() => server.stop());
  return { url: `http://127.0.0.1:${port}`, pid: server.pid };
}

async function createDatabase(postgres: RunningPostgres, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  return postgres.url(name);
}

/** Creates a project; resolves with the authorization header of a key of it. */
export async function createProject(
  { url }: Server,
  id: string,
  scopes: readonly string[],
): Promise<string> {
  const post = async (route: string, body: object): Promise<unknown> => {
    const response = await fetch(`${url}/api/v1/admin${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${route}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await post('/projects', { id, name: id });
  const made = await post(`/projects/${id}/keys`, { name: id, scopes });
  return `Bearer ${z.object({ key: z.string() }).parse(made).key}`;
}

/** Reads the first user's answer until it comes from the cache. */
async function firstAnswer(
  { url }: Server,
  authorization: string,
): Promise<{ body: string; etag: string }> {
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    const response = await fetch(`${url}/api/v1/entitlements?user_id=${userName(1)}`, {
      headers: { authorization },
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`GET /entitlements: ${response.status} ${body}`);
    if (response.headers.get('latchkey-cache') === 'hit') {
      return { body, etag: response.headers.get('etag') ?? '' };
    }
  }
  throw new Error('the answer does not come from the cache');
}
