import type { RecordableHistogram } from 'node:perf_hooks';

/** A measured delay and its limit. */
export interface PushRow {
  name: string;
  count: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  isWithin: boolean;
  limit: string;
}

export function toRow(
  name: string,
  delays: RecordableHistogram,
  limitMs: number,
  of: 'p99' | 'max' = 'p99',
): PushRow {
  const figures = { p99: delays.percentile(99), max: delays.max };
  return {
    name,
    count: delays.count,
    p50Ms: delays.percentile(50),
    p99Ms: figures.p99,
    maxMs: figures.max,
    isWithin: figures[of] < limitMs,
    limit: `${of} < ${limitMs}`,
  };
}

/** Prints a row for people. */
export function printRow({ name, count, p50Ms, p99Ms, maxMs, limit, isWithin }: PushRow): void {
  console.log(
    `${name}\n    ${count} received · p50 ${p50Ms} ms · p99 ${p99Ms} ms · max ${maxMs} ms · limit ${limit} ms: ${isWithin ? 'held' : 'MISSED'}`,
  );
}
