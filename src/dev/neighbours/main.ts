/*
 * The program behind `npm run test:neighbours`: one instance with two projects. One of them does its worst
 * with every key it has, and the other is measured alone and beside it. Ends with 0 only if the walls
 * between them hold.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { requireGeneratedClient } from '../generated-client.ts';
import { findRedisServer } from '../redis.ts';
import { Started } from '../started.ts';
import { watchQuietProject } from './quiet.ts';
import { report } from './report.ts';
import { type NoiseCount, type NoiseData, setStage } from './stage.ts';

const usage = `npm run test:neighbours -- [options]
  --seconds N     how long each of the two phases lasts, at least 5 (30)
  --log           the end of what the instance wrote
`;

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    log: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seconds = Number(given.seconds);

/** What compiles, connects and fills in the first seconds is not measured. */
const warmUpSeconds = 3;

async function main(started: Started): Promise<boolean> {
  const redisProgram = findRedisServer();
  if (redisProgram === undefined) {
    console.error('A redis-server is needed on the PATH (Debian: apt-get install redis-server).');
    return false;
  }
  await requireGeneratedClient();
  console.log('Starting PostgreSQL, Redis, a stand-in for Stripe and an instance …');
  const stage = await setStage(redisProgram, started);
  await watchQuietProject(stage, warmUpSeconds, 'warm');
  console.log(`The quiet project is alone for ${seconds} s.`);
  const quiet = await watchQuietProject(stage, seconds, 'alone');
  console.log(`The noisy project does its worst for ${seconds} s.`);
  const noise = makeNoise(stage.noise, started);
  await sleep(warmUpSeconds * 1_000);
  const noisy = await watchQuietProject(stage, seconds, 'beside');
  const { text, faults } = report(quiet, noisy, await noise.stop());
  if (given.log) console.log(`\n${stage.instance.output}`);
  console.log(text);
  stage.instance.requireAlive();
  return faults.length === 0;
}

function makeNoise(data: NoiseData, started: Started): { stop(): Promise<NoiseCount[]> } {
  const worker = new Worker(new URL('noise.ts', import.meta.url), { workerData: data });
  started.add(() => worker.terminate());
  const counted = new Promise<NoiseCount[]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return {
    stop() {
      worker.postMessage('stop');
      return counted;
    },
  };
}

if (given.help) {
  console.log(usage);
} else if (!(seconds >= 5)) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const started = new Started();
  started.endOnSignal();
  try {
    if (!(await main(started))) process.exitCode = 1;
  } catch (error) {
    process.exitCode = 1;
    if (!started.stopping) console.error(error instanceof Error ? error.message : error);
  } finally {
    await started.stop();
  }
}
