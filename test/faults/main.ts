/*
 * The program behind `npm run test:faults`: three instances behind a load balancer under mixed load, while
 * one is killed, one restarted, and Redis and Postgres are stopped and started. Exits with 0 only if nothing
 * acknowledged was lost, no user got a wrong answer, and errors occurred only while Postgres was away.
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Started } from '../../src/dev/started.ts';
import { runTrial } from '../helpers/trial.ts';
import { Crowd } from './crowd.ts';
import { runPlan } from './plan.ts';
import { keepDelivering } from './redelivery.ts';
import { report } from './report.ts';
import { cacheTtlSeconds, setStage } from './stage.ts';
import { runTraffic } from './traffic.ts';
import { judgeInbox, judgeUsers, judgeWords } from './verdict.ts';

const usage = `npm run test:faults -- [options]
  --seconds N     how long there is load, at least 60 (120)
  --seed N        of who does what (1)
  --log           the end of what each instance wrote
`;

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    seed: { type: 'string', default: '1' },
    log: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seconds = Number(given.seconds);
const seed = Number(given.seed);

/** Longer than a cut-off first attempt holds an idempotency key. */
const finishWithinMs = 120_000;

/** Resolves with whether the run passed. */
async function main(redisProgram: string, started: Started): Promise<boolean> {
  console.log('Starting PostgreSQL, Redis, a stand-in for Stripe and three instances …');
  const { running, sandbox, api, shop } = await setStage(redisProgram, seconds, started);
  const place = { url: api.serviceUrl, adminKey: api.key, shop, sandbox };
  const crowd = new Crowd(place, randomFrom(seed));
  const { balancer, instances } = running;
  const delivering = keepDelivering(sandbox);
  started.add(() => delivering.stop());
  const setUp = balancer.served.length;
  console.log(`Load for ${seconds} s, seed ${seed}, on ${machineText()}.`);
  const [phases, begun] = await Promise.all([
    runPlan(running, seconds, { say: console.log, wrong: crowd.wrong }),
    runTraffic(crowd, seconds),
  ]);
  console.log(`The load has ended; ${begun.count()} running actions are being completed.`);
  const unfinished = await begun.over(finishWithinMs);
  if (unfinished > 0) crowd.wrong.push(`${unfinished} actions did not complete`);
  const { invoices } = sandbox.objects('invoices');
  const renewals = invoices.filter(({ billing_reason: why }) => why === 'subscription_cycle');
  crowd.done.set('renewals', renewals.length);
  const served = balancer.served.slice(setUp);
  const inbox = await judgeInbox(api, sandbox);
  const words = (crowd.done.get('grants') ?? 0) + (crowd.done.get('revocations') ?? 0);
  const inTheEnd = await judgeUsers(crowd.users, instances, api.key);
  crowd.wrong.push(...instances.flatMap(({ deaths }) => deaths));
  if (given.log) for (const { name, output } of instances) console.log(`\n${name}:\n${output}`);
  const { text, faults } = report({
    ...{ served, phases, crowd, inbox, inTheEnd, cacheTtlSeconds },
    words: await judgeWords(api, words),
    killed: instances[0].name,
  });
  console.log(text);
  return faults.length === 0;
}

/** On a busy machine, instances are late and shed work. */
function machineText(): string {
  const [load = NaN] = loadavg();
  return `${availableParallelism()} cores at a load average of ${load.toFixed(1)}`;
}

/** Returns random numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (given.help) {
  console.log(usage);
} else if (!Number.isInteger(seed) || !(seconds >= 60)) {
  console.error(usage);
  process.exitCode = 2;
} else {
  await runTrial(main);
  // If the plan failed, the crowd is still running.
  process.exit();
}
