import { Redis } from 'ioredis';
import { inject, type FaultName, type Running } from '../faults/plan.ts';
import { until } from '../faults/patience.ts';
import type { Spending } from './spend.ts';

/** What happens, and after which share of the consumes. */
const steps: readonly { at: number; fault: FaultName | 'flush' }[] = [
  { at: 0.1, fault: 'killed' },
  { at: 0.3, fault: 'restarted' },
  { at: 0.45, fault: 'redis' },
  { at: 0.6, fault: 'flush' },
  { at: 0.75, fault: 'postgres' },
];

/** Injects each fault when its share of the consumes is acknowledged. */
export async function runUsagePlan(
  running: Running,
  spending: Spending,
  say: (line: string) => void,
): Promise<{ lines: string[]; wrong: string[] }> {
  const startedAt = performance.now();
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const { at, fault } of steps) {
    await until(`${at * 100} % of the consumes`, () => spending.progress() >= at);
    const begunAt = performance.now();
    const title = fault === 'flush' ? 'Redis is flushed' : inject[fault].title;
    const line = `${seconds(begunAt - startedAt)} s, ${(at * 100).toFixed(0)} %: ${title}`;
    say(line);
    lines.push(line);
    if (fault === 'flush') await flush(running.redis.url);
    else await inject[fault].run(running, wrong);
    if (spending.progress() >= 1) wrong.push(`the consumes ended before ${title} was over`);
  }
  return { lines, wrong };
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1).padStart(6);
}
