/*
 * The program behind `npm run bench`: measures the service's hot paths and floors in alternating rounds of
 * one run. Only ratios within a run are meaningful; absolute figures depend on the machine.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../../src/dev/postgres.ts';
import type { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { runTrial } from '../helpers/trial.ts';
import { measureClient } from './client.ts';
import { compare } from './compare.ts';
import type { Server } from './load.ts';
import { maxGrowth, watchMemory } from './memory.ts';
import { comparisons, mixed } from './paths.ts';
import { measurePush, watchPushMemory } from './push.ts';
import { printRow } from './push-rows.ts';
import type { PushLoad } from './push-world.ts';
import { fillCache, openGround, startSubject } from './subject.ts';
import { print, type Row } from './table.ts';
import { measureUsage } from './usage.ts';
import { openUsageWorld, type UsageWorld } from './usage-world.ts';

const usage = `npm run bench -- [options]
  --seconds N             how long each round lasts (1)
  --rounds N              pairs of rounds, floor and service in turn (15); the median counts
  --connections N         open connections, one request at a time on each (32)
  --users N               stored users (1000000)
  --features N            features of each (6)
  --only NAME,NAME        of: bare, hit, 304, check, ofrep, miss, strong, webhook, mixed
  --only push             instead of all that: how soon apps hear of changes; with --memory, for 10 minutes
  --only client           instead of all that: checks from the client's cache, and how soon it sees a revoke
  --only usage            instead of all that: changes and reads of the usage of 10000 users
  --projects N            projects over which the streams of push are spread (20)
  --memory                instead of all that: memory after 10 minutes of mixed load beside that after 1
  --no-auto-pipelining    one write to Redis per command
  --profile DIRECTORY     V8 profiles of the servers, one per process
  --out FILE              where the figures go (bench-results.json)
`;

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '15' },
    connections: { type: 'string', default: '32' },
    users: { type: 'string', default: '1000000' },
    features: { type: 'string', default: '6' },
    only: { type: 'string' },
    projects: { type: 'string', default: '20' },
    memory: { type: 'boolean', default: false },
    'auto-pipelining': { type: 'boolean', default: true },
    profile: { type: 'string' },
    out: { type: 'string', default: 'bench-results.json' },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const seconds = Number(given.seconds);
const rounds = Number(given.rounds);
const connections = Number(given.connections);
const users = Number(given.users);
const features = Number(given.features);
const only = given.only?.split(',');

/** The population with which the mixed reads of many users are compared. */
const fewUsers = 1_000;

async function main(redisProgram: string, started: Started): Promise<boolean> {
  const directory = await temporaryDirectory('bench', started);
  const postgres = await startPostgres({
    dataDirectory: path.join(directory, 'postgres'),
    persistent: false,
  });
  started.add(() => postgres.stop());
  const shared = {
    ...{ postgres, redisProgram, autoPipelining: given['auto-pipelining'] },
    profileDirectory: given.profile,
  };
  const startPush = async (name: string): Promise<Server> =>
    (await openGround({ ...shared, name }, started)).start('push');
  if (only?.includes('client') === true) {
    return benchClient(await startPush('client'));
  }
  if (only?.includes('push') === true) {
    return benchPush(await startPush('push'));
  }
  if (only?.includes('usage') === true) {
    const ground = await openGround({ ...shared, name: 'usage' }, started);
    return benchUsage(await openUsageWorld(ground, 10_000));
  }
  const many = await startSubject(
    { ...shared, name: 'many', population: { users, features } },
    started,
  );
  if (given.memory) {
    await fillCache(many);
    return watchMemory(many, connections);
  }
  const wanted = ({ id }: { id: string }) => only?.includes(id) ?? true;
  const paths = comparisons(many).filter(wanted);
  if (wanted({ id: 'mixed' })) {
    const few = await startSubject(
      { ...shared, name: 'few', population: { users: fewUsers, features } },
      started,
    );
    paths.push(
      mixed(many, few, async () => {
        for (const subject of [many, few]) await fillCache(subject);
      }),
    );
  }
  const rows: Row[] = [];
  for (const comparison of paths) {
    rows.push(await compare(comparison, { connections, rounds, seconds }));
  }
  print(rows);
  const settings = { seconds, rounds, connections, users, features };
  await writeFile(given.out, `${JSON.stringify({ ...settings, rows }, null, 2)}\n`);
  console.log(`\nWritten to ${given.out}. Only ratios within one run compare.`);
  return rows.every(({ service, floor }) => service.errors + floor.errors === 0);
}

async function benchPush(service: Server): Promise<boolean> {
  const load: PushLoad = {
    projects: Number(given.projects),
    streams: 1_000,
    changesPerSecond: 200,
    seconds: 20,
    boundaries: 10_000,
    endpoints: 20,
  };
  if (given.memory) return watchPushMemory(service, load, maxGrowth);
  const rows = await measurePush(service, load);
  for (const row of rows) printRow(row);
  await writeFile(given.out, `${JSON.stringify({ ...load, rows }, null, 2)}\n`);
  return rows.every(({ isWithin }) => isWithin);
}

async function benchClient(service: Server): Promise<boolean> {
  const figures = await measureClient(service);
  const { checksPerSecond, requests, revoke, isWithin } = figures;
  console.log(
    `checks from the cache: ${Math.round(checksPerSecond)} per second (>= 1000000); ` +
      `requests for 1000000 checks of 1000 users: ${requests} (<= 1100)`,
  );
  printRow(revoke);
  await writeFile(given.out, `${JSON.stringify(figures, null, 2)}\n`);
  return isWithin;
}

async function benchUsage(world: UsageWorld): Promise<boolean> {
  const load = { connections, rounds, seconds };
  const figures = await measureUsage(world, load);
  print(figures.rows);
  console.log('');
  for (const { text, isWithin } of figures.verdicts) {
    console.log(`${text}: ${isWithin ? 'held' : 'MISSED'}`);
  }
  await writeFile(given.out, `${JSON.stringify({ ...load, ...figures }, null, 2)}\n`);
  return figures.verdicts.every(({ isWithin }) => isWithin);
}

if (given.help) {
  console.log(usage);
} else {
  await runTrial(main);
}
