import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { ask } from '../../src/dev/api.ts';
import { origin } from '../faults/shop.ts';
import type { CachedReads, CachedReadsData } from './cached-reads.ts';
import { createReader, type Reader } from './reads.ts';
import type { Stage } from './stage.ts';

/** What the quiet project measured in one phase. */
export interface Seen {
  /** Latency of each cached read, milliseconds, ascending. */
  cachedMs: number[];
  /** Cached reads that were not answered with a 200. */
  cachedFailed: number;
  strong: number;
  strongFailed: number;
  /** Time from each payment to its access, milliseconds. */
  accessMs: number[];
}

/** Pause between two requests of a kind, milliseconds. */
const pauseMs = { strong: 50, purchase: 1_000, access: 20 };

/** How long to wait for a purchase to give access, milliseconds. */
const giveUpMs = 30_000;

const users = Array.from({ length: 20 }, (_, number) => `quiet_${number}`);

/** Reads and sells as the quiet project for a number of seconds, and returns what it measured. */
export async function watchQuietProject(stage: Stage, seconds: number, run: string): Promise<Seen> {
  const sold: Pick<Seen, 'strong' | 'strongFailed' | 'accessMs'> = {
    ...{ strong: 0, strongFailed: 0, accessMs: [] },
  };
  const untilAt = performance.now() + seconds * 1_000;
  const repeat = async (everyMs: number, act: (nth: number) => Promise<void>): Promise<void> => {
    for (let nth = 0; performance.now() < untilAt; nth += 1) {
      await act(nth);
      await sleep(everyMs);
    }
  };
  const reader = createReader(stage.api.serviceUrl, stage.shop.appKey);
  const [cached] = await Promise.all([
    readCached({ serviceUrl: stage.api.serviceUrl, key: stage.shop.appKey, seconds, users }),
    repeat(pauseMs.strong, async (nth) => {
      const { status } = await reader.read(users[nth % users.length] ?? '', '&consistency=strong');
      sold.strong += 1;
      if (status !== 200) sold.strongFailed += 1;
    }),
    repeat(pauseMs.purchase, async (nth) => {
      sold.accessMs.push(await buy(stage, reader, `${run}_buyer_${nth}`));
    }),
  ]);
  reader.close();
  return { ...sold, cachedMs: cached.ms.sort((a, b) => a - b), cachedFailed: cached.failed };
}

function readCached(data: CachedReadsData): Promise<CachedReads> {
  const worker = new Worker(new URL('cached-reads.ts', import.meta.url), { workerData: data });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Buys, and returns the time from the payment to the access, milliseconds. */
async function buy(stage: Stage, reader: Reader, user: string): Promise<number> {
  const { api, shop, sandbox } = stage;
  const body = {
    ...{ user_id: user, price_id: shop.prices.pass },
    ...{ success_url: `${origin}/welcome`, cancel_url: origin },
  };
  const { id } = await ask(
    { ...api, key: shop.appKey },
    { method: 'POST', path: '/api/v1/checkout/sessions', body },
    { status: 201, shape: z.object({ id: z.string() }) },
  );
  await sandbox.buyer.pay(id);
  const paidAt = performance.now();
  for (;;) {
    const { text } = await reader.read(user);
    const ms = performance.now() - paidAt;
    if (text.includes('"export"') || ms > giveUpMs) return ms;
    await sleep(pauseMs.access);
  }
}
