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
import { measure, type Measured, type Server } from './load.ts';
import { maxGrowth, watchMemory } from './memory.ts';
import { type Comparison, comparisons, mixed } from './paths.ts';
import { measurePush, watchPushMemory } from './push.ts';
import { printRow } from './push-rows.ts';
import type { PushLoad } from './push-world.ts';
import { fillCache, startPushService, startSubject } from './subject.ts';
import { print, type Row } from './table.ts';

const usage = `npm run bench -- [options]
  --seconds N             how long each round lasts (4)
  --rounds N              rounds of each, floor and service in turn (3); the median counts
  --connections N         open connections, one request at a time on each (32)
  --users N               stored users (1000000)
  --features N            features of each (6)
  --only NAME,NAME        of: bare, hit, 304, check, ofrep, miss, strong, webhook, mixed
  --only push             instead of all that: how soon apps hear of changes; with --memory, for 10 minutes
  --only client           instead of all that: checks from the client's cache, and how soon it sees a revoke
  --projects N            projects over which the streams of push are spread (20)
  --memory                instead of all that: memory after 10 minutes of mixed load beside that after 1
  --no-auto-pipelining    one write to Redis per command
  --profile DIRECTORY     V8 profiles of the servers, one per process
  --out FILE              where the figures go (bench-results.json)
`;

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
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

async function compare(comparison: Comparison): Promise<Row> {
  const { service, floor, prepare } = comparison;
  await prepare?.();
  // Warm-up (compiling, connecting) is not measured.
  for (const load of [floor, service]) await measure(load, { connections, seconds: 3 });
  const measured: { service: Measured[]; floor: Measured[] } = { service: [], floor: [] };
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`  ${comparison.name}: round ${round} of ${rounds}\n`);
    measured.floor.push(await measure(floor, { connections, seconds }));
    measured.service.push(await measure(service, { connections, seconds }));
  }
  const { id, name, target, floorName } = comparison;
  return {
    ...{ id, name, target, floorName },
    service: middle(measured.service),
    floor: middle(measured.floor),
    ratios: {
      throughput: median(quotients(measured, ({ requestsPerSecond }) => requestsPerSecond)) ?? NaN,
      p99: median(quotients(measured, ({ p99Ms }) => p99Ms)) ?? NaN,
      cpu: median(quotients(measured, ({ cpuMicrosecondsPerRequest: cpu }) => cpu)) ?? null,
    },
  };
}

/** Returns the round with the median throughput, with the errors of all. */
function middle(measured: Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const found = sorted[Math.floor(sorted.length / 2)];
  if (found === undefined) throw new Error('nothing was measured');
  return { ...found, errors: measured.reduce((sum, { errors }) => sum + errors, 0) };
}

/**
 * Divides the service's figure by that of the preceding floor, for each round: other load affects both alike.
 */
function quotients(
  { service, floor }: { service: Measured[]; floor: Measured[] },
  figure: (measured: Measured) => number | null,
): number[] {
  return service.flatMap((measured, round) => {
    const beside = floor[round];
    const [own, least] = [figure(measured), beside === undefined ? null : figure(beside)];
    return own === null || least === null ? [] : [own / least];
  });
}

function median(numbers: number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

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
  if (only?.includes('client') === true) {
    return benchClient(await startPushService({ ...shared, name: 'client' }, started));
  }
  if (only?.includes('push') === true) {
    const service = await startPushService({ ...shared, name: 'push' }, started);
    return benchPush(service);
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
  for (const comparison of paths) rows.push(await compare(comparison));
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

if (given.help) {
  console.log(usage);
} else {
  await runTrial(main);
}
