import { z } from 'zod';
import { floorTable } from './floors.ts';
import type { Server } from './load.ts';
import { post } from './push-world.ts';
import { userName, withClient } from './seed.ts';
import { createProject, type Ground } from './subject.ts';

const project = 'usage';
export const meteredFeature = 'credits';

/** The units of a user's plan and of a top-up: more than the bench uses. */
const planUnits = 10_000_000;
const topUpUnits = 10_000_000_000;

/** Users with a plan and a top-up of a metered feature, each with some usage. */
export interface UsageWorld {
  service: Server;
  floors: Server;
  databaseUrl: string;
  authorization: string;
  users: number;
  /** Returns the usage of a user as `GET /usage` shows it before the bench uses units. */
  bodyOf: (user: number) => string;
}

export async function openUsageWorld(ground: Ground, users: number): Promise<UsageWorld> {
  const service = await ground.start('service');
  const authorization = await createProject(service, project, ['read', 'usage']);
  process.stderr.write(`  usage: storing ${users} users\n`);
  await grantToAll(service, users);
  await useOnce(service, authorization, users);
  const bodies = await readAll(service, authorization, users);
  await seedFloors(ground.databaseUrl, bodies);
  return {
    ...{ service, authorization, users, databaseUrl: ground.databaseUrl },
    floors: await ground.start('floors'),
    bodyOf: (user) => bodies[user - 1] ?? '',
  };
}

async function grantToAll(service: Server, users: number): Promise<void> {
  const feature = { project_id: project, name: 'Credits', type: 'metered', unit: 'credits' };
  await post(service, `/admin/features/${meteredFeature}`, feature, 'PUT');
  const from = new Date(Date.now() - 86_400_000).toISOString();
  for (const value of [{ amount: planUnits, every: 'month' }, { amount: topUpUnits }]) {
    await inParts(users, 1_000, (some) =>
      post(service, '/admin/grants/bulk', {
        ...{ project_id: project, reason: 'the bench' },
        grants: some.map((user) => ({
          ...{ user_id: userName(user), feature_code: meteredFeature, valid_from: from, value },
        })),
      }),
    );
  }
}

/** Gives each user the stored usage that a user of any age has. */
async function useOnce(service: Server, authorization: string, users: number): Promise<void> {
  const answers = z.object({ data: z.array(z.object({ allowed: z.literal(true) })) });
  await inParts(users, 100, async (some) => {
    const response = await fetch(`${service.url}/api/v1/usage/consume/batch`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({
        items: some.map((user) => ({
          ...{ user_id: userName(user), feature_code: meteredFeature, idempotency_key: `u${user}` },
        })),
      }),
    });
    answers.parse(await response.json());
  });
}

async function readAll(service: Server, authorization: string, users: number): Promise<string[]> {
  const bodies: string[] = [];
  await inParts(users, 32, async (some) => {
    const read = some.map(async (user) => {
      const path = `/api/v1/usage?user_id=${userName(user)}`;
      const response = await fetch(`${service.url}${path}`, { headers: { authorization } });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.text();
    });
    bodies.push(...(await Promise.all(read)));
  });
  return bodies;
}

async function seedFloors(databaseUrl: string, bodies: readonly string[]): Promise<void> {
  const ids = bodies.map((_, nth) => userName(nth + 1));
  await withClient(databaseUrl, async (client) => {
    await client.query(`create table ${floorTable} (user_id text primary key, body text not null)`);
    await client.query(`insert into ${floorTable} select * from unnest($1::text[], $2::text[])`, [
      ids,
      bodies,
    ]);
    await client.query(
      'create table bench_floor_balances (user_id text primary key, balance bigint not null)',
    );
    await client.query('insert into bench_floor_balances select unnest($1::text[]), $2::bigint', [
      ids,
      topUpUnits,
    ]);
    await client.query(
      `create table bench_floor_entries (
        id bigserial primary key, user_id text not null, feature_code text not null,
        amount bigint not null, key text not null, at timestamptz not null default now())`,
    );
    await client.query('vacuum analyze');
  });
}

/** Calls `work` with the numbers from 1 to `count`, `size` at a time, one call after the other. */
async function inParts(
  count: number,
  size: number,
  work: (some: number[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 1; from <= count; from += size) {
    await work(Array.from({ length: Math.min(size, count - from + 1) }, (_, nth) => from + nth));
  }
}
