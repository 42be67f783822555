import { setTimeout as sleep } from 'node:timers/promises';
import { deal } from './buyers.ts';
import type { Crowd } from './crowd.ts';
import { speak } from './operators.ts';
import { read } from './readers.ts';

/** How often a second each is begun, whatever became of those before. */
const perSecond = [
  [read, 80],
  [speak, 4],
  [deal, 2],
] as const;

/** What was begun and is not over. */
export interface Begun {
  count(): number;
  /** Resolves when all of it is over, or with how much is not after `ms`. */
  over(ms: number): Promise<number>;
}

/** Lets the crowd do what it does for a while; what goes wrong in it is noted there. */
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
