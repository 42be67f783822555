import { setTimeout as sleep } from 'node:timers/promises';
import { deal } from './buyers.ts';
import type { Crowd } from './crowd.ts';
import { speak } from './operators.ts';
import { read } from './readers.ts';

/** How many of each are begun per second, independent of earlier ones. */
const perSecond = [
  [read, 80],
  [speak, 4],
  [deal, 2],
] as const;

/** The running actions. */
export interface Begun {
  count(): number;
  /** Resolves when all have completed, or with the number of those that have not after `ms`. */
  over(ms: number): Promise<number>;
}

/** Runs the crowd's actions for a while, and records their failures. */
export async function runTraffic(crowd: Crowd, seconds: number): Promise<Begun> {
  const running = new Set<Promise<void>>();
  const until = performance.now() + seconds * 1_000;

  async function often(act: (crowd: Crowd) => Promise<void>, everyMs: number): Promise<void> {
    for (let at = performance.now(); at < until; at += everyMs) {
      await sleep(Math.max(0, at - performance.now()));
      const acting: Promise<void> = act(crowd)
        .catch((error: unknown) => {
          crowd.wrong.push(error instanceof Error ? error.message : String(error));
        })
        .finally(() => running.delete(acting));
      running.add(acting);
    }
  }

  await Promise.all(perSecond.map(([act, times]) => often(act, 1_000 / times)));
  return {
    count: () => running.size,
    async over(ms) {
      await Promise.race([Promise.all(running), sleep(ms, undefined, { ref: false })]);
      return running.size;
    },
  };
}
