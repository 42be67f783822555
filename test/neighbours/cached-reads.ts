/*
 * The quiet project's cached reads, in a thread of its own: the stand-in for Stripe shares the main thread,
 * and its work must not count as the service's latency.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createReader } from './reads.ts';

/** The thread's input. */
export interface CachedReadsData {
  serviceUrl: string;
  key: string;
  seconds: number;
  users: string[];
}

/** The thread's result. */
export interface CachedReads {
  /** Latency of each read that was answered with a 200, milliseconds. */
  ms: number[];
  failed: number;
}

const pauseMs = 5;

const { serviceUrl, key, seconds, users } = workerData as CachedReadsData; // given by quiet.ts
const reader = createReader(serviceUrl, key);
const seen: CachedReads = { ms: [], failed: 0 };
const untilAt = performance.now() + seconds * 1_000;
for (let nth = 0; performance.now() < untilAt; nth += 1) {
  const { status, ms } = await reader.read(users[nth % users.length] ?? '');
  if (status === 200) seen.ms.push(ms);
  else seen.failed += 1;
  await sleep(pauseMs);
}
reader.close();
parentPort?.postMessage(seen);
