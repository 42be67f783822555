/*
 * The program behind `npm run test:neighbours`: one instance with two projects. One sends as much load as
 * it can with every key it has; the other is measured alone and under that load. Exits with 0 only if the
 * isolation between them holds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Started } from '../../src/dev/started.ts';
import { runTrial } from '../helpers/trial.ts';
import { watchQuietProject } from './quiet.ts';
import { report } from './report.ts';
import { type NoiseCount, type NoiseData, setStage } from './stage.ts';

const usage = `npm run test:neighbours -- [options]
  --seconds N     how long each of the two phases lasts, at least 5 (30)
  --log           print the end of the instance's output
`;

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    log: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seconds = Number(given.seconds);

/** Warm-up, which is not measured: compiling, connecting, filling the cache. */
const warmUpSeconds = 3;

async function main(redisProgram: string, started: Started): Promise<boolean> {
  console.log('Starting PostgreSQL, Redis, a stand-in for Stripe and an instance …');
  const stage = await setStage(redisProgram, started);
  await watchQuietProject(stage, warmUpSeconds, 'warm');
  console.log(`Measuring the quiet project alone for ${seconds} s.`);
  const quiet = await watchQuietProject(stage, seconds, 'alone');
  console.log(`Measuring it under the noisy project's load for ${seconds} s.`);
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
  await runTrial(main);
}
