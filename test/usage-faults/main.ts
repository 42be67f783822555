/*
 * The program behind `npm run test:usage`: three instances behind a load balancer count the usage of metered
 * features, while one is killed, one restarted, Redis flushed and stopped, and Postgres restarted. Exits with
 * 0 only if no user used more than was granted, each acknowledged consume was counted exactly once, ledger and
 * buckets agree, and every repeated request was answered as the first.
 */
import { parseArgs } from 'node:util';
import type { Started } from '../../src/dev/started.ts';
import { setStage } from '../faults/stage.ts';
import { runTrial } from '../helpers/trial.ts';
import { runUsagePlan } from './plan.ts';
import { report } from './report.ts';
import { openWallets } from './wallets.ts';
import { spend } from './spend.ts';
import { judgeLedger, judgeRepeats } from './verdict.ts';

const usage = `npm run test:usage -- [options]
  --consumes N    how many consumes, each with a key of its own, at least 10000 (100000)
  --log           print the end of each instance's output
`;

const { values: given } = parseArgs({
  options: {
    consumes: { type: 'string', default: '100000' },
    log: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const consumes = Number(given.consumes);

/** The stage's own subscriptions renew within this time. They have no usage. */
const stageSeconds = 600;

async function main(redisProgram: string, started: Started): Promise<boolean> {
  console.log('Starting PostgreSQL, Redis, a stand-in for Stripe and three instances …');
  const { running, api } = await setStage(redisProgram, stageSeconds, started);
  const wallets = await openWallets(api, consumes);
  console.log(`${consumes} consumes by ${wallets.users.length} users.`);
  const spending = spend(wallets, consumes);
  const phases = await runUsagePlan(running, spending, console.log);
  const spent = await spending.done;
  console.log('The load has ended. Each request is repeated once more, and the ledger is read.');
  const wrong = [
    ...phases.wrong,
    ...running.instances.flatMap(({ deaths }) => deaths),
    ...spent.wrong,
    ...(await judgeRepeats(wallets, spent.answers)),
    ...(await judgeLedger(running.postgres.url('latchkey'), wallets, spent.answers)),
  ];
  if (given.log)
    for (const { name, output } of running.instances) console.log(`\n${name}:\n${output}`);
  console.log(report({ spent, phases: phases.lines, wrong }));
  return wrong.length === 0;
}

if (given.help) {
  console.log(usage);
} else if (!Number.isInteger(consumes) || consumes < 10_000) {
  console.error(usage);
  process.exitCode = 2;
} else {
  await runTrial(main);
  // If the plan failed, consumes are still running.
  process.exit();
}
