import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningPostgres } from '../../src/dev/postgres.ts';
import { Redis } from 'ioredis';
import type { RunningRedis } from '../../src/dev/redis.ts';
import type { Balancer } from './balancer.ts';
import type { Instance } from './instance.ts';
import { until } from './patience.ts';

/** The parts that can be stopped. */
export interface Running {
  instances: [Instance, Instance, Instance];
  balancer: Balancer;
  postgres: RunningPostgres;
  startPostgres: () => Promise<RunningPostgres>;
  redis: RunningRedis;
  startRedis: () => Promise<RunningRedis>;
}

/** How long an instance may take to answer `/ready`, milliseconds. */
const readyWithinMs = 5_000;

export type FaultName = 'killed' | 'restarted' | 'redis' | 'postgres';

/** A stretch of the run in which something was away, milliseconds of `performance.now()`. */
export interface Phase {
  fault: FaultName;
  from: number;
  to: number;
}

interface Fault {
  title: string;
  /** Resolves when everything is restored; violations are added to `wrong`. */
  run: (running: Running, wrong: string[]) => Promise<void>;
}

/** How long each is away, milliseconds. */
const awayMs = { instance: 5_000, redis: 5_000, postgres: 8_000 };

/** Injects a fault. */
export const inject: Record<FaultName, Fault> = {
  killed: {
    title: 'an instance is killed (SIGKILL), and restarted after 5 s',
    async run({ instances: [first], balancer }, wrong) {
      const how = await first.end('SIGKILL');
      if (how !== 'SIGKILL') wrong.push(`${first.name} ended before it was killed: ${how}`);
      await sleep(awayMs.instance);
      first.start();
      await untilReady(first, balancer);
    },
  },
  restarted: {
    title: 'an instance is restarted (SIGTERM)',
    async run({ instances: [, second], balancer }, wrong) {
      const how = await second.end('SIGTERM');
      if (how !== '0') wrong.push(`${second.name} ended with ${how} on SIGTERM`);
      second.start();
      await until(`${second.name} is down`, () => balancer.stateOf(second.name) !== 'ready');
      await untilReady(second, balancer);
    },
  },
  redis: {
    title: 'Redis is away for 5 s, and returns with its data',
    async run(running, wrong) {
      await running.redis.stop();
      await sleep(awayMs.redis);
      const checks = await Promise.all(running.instances.map(redisCheck));
      if (checks.includes('ok')) wrong.push('an instance reaches Redis although it is away');
      running.redis = await running.startRedis();
      // Only with its old data can Redis hold outdated answers.
      if ((await countKeys(running.redis.url)) === 0) wrong.push('Redis returned without data');
      await until('all instances reach Redis', async () => {
        const found = await Promise.all(running.instances.map(redisCheck));
        return found.every((check) => check === 'ok');
      });
    },
  },
  postgres: {
    title: 'Postgres is away for 8 s',
    async run(running) {
      await running.postgres.stop();
      await sleep(awayMs.postgres);
      running.postgres = await running.startPostgres();
    },
  },
};

/** When each fault begins, as a share of the run, or when the previous one is over. */
const schedule = { killed: 0.1, restarted: 0.3, redis: 0.5, postgres: 0.7 };
const order = ['killed', 'restarted', 'redis', 'postgres'] as const;

/** Injects all faults at their times. Resolves with the outages when everything is restored. */
export async function runPlan(
  running: Running,
  seconds: number,
  { say, wrong }: { say: (line: string) => void; wrong: string[] },
): Promise<Phase[]> {
  const startedAt = performance.now();
  const phases: Phase[] = [];
  for (const name of order) {
    const { title, run } = inject[name];
    await sleep(Math.max(0, startedAt + schedule[name] * seconds * 1_000 - performance.now()));
    const from = performance.now();
    say(`${clockOf(from - startedAt)}  ${title}`);
    await run(running, wrong);
    const to = performance.now();
    say(`${clockOf(to - startedAt)}  everything is restored`);
    phases.push({ fault: name, from, to });
  }
  return phases;
}

function clockOf(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(6)} s`;
}

/** @throws Error if it is not ready within two minutes, or its process has ended. */
export function untilReady(instance: Instance, balancer: Balancer): Promise<void> {
  return until(`${instance.name} is ready`, () => {
    instance.requireAlive();
    return balancer.stateOf(instance.name) === 'ready';
  });
}

async function redisCheck({ port }: Instance): Promise<unknown> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, {
      signal: AbortSignal.timeout(readyWithinMs),
    });
    const { checks } = (await response.json()) as { checks?: { redis?: unknown } };
    return checks?.redis;
  } catch {
    return null;
  }
}

async function countKeys(url: string): Promise<number> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  try {
    return await redis.dbsize();
  } finally {
    redis.disconnect();
  }
}
