import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request as send } from 'node:http';
import { z } from 'zod';
import { ask } from '../api.ts';
import { origin } from '../faults/shop.ts';
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
const pauseMs = { cached: 5, strong: 50, purchase: 1_000, access: 20 };

/** How long to wait for a purchase to give access, milliseconds. */
const giveUpMs = 30_000;

const users = 20;

/** Reads and sells as the quiet project for a number of seconds, and returns what it measured. */
export async function watchQuietProject(stage: Stage, seconds: number, run: string): Promise<Seen> {
  const seen: Seen = { cachedMs: [], cachedFailed: 0, strong: 0, strongFailed: 0, accessMs: [] };
  const untilAt = performance.now() + seconds * 1_000;
  const repeat = async (everyMs: number, act: (nth: number) => Promise<void>): Promise<void> => {
    for (let nth = 0; performance.now() < untilAt; nth += 1) {
      await act(nth);
      await sleep(everyMs);
    }
  };
  const agent = new Agent({ keepAlive: true });
  const read = (user: string, query = '') => readOnce(stage, agent, user, query);
  await Promise.all([
    repeat(pauseMs.cached, async (nth) => {
      const { status, ms } = await read(`quiet_${nth % users}`);
      if (status === 200) seen.cachedMs.push(ms);
      else seen.cachedFailed += 1;
    }),
    repeat(pauseMs.strong, async (nth) => {
      const { status } = await read(`quiet_${nth % users}`, '&consistency=strong');
      seen.strong += 1;
      if (status !== 200) seen.strongFailed += 1;
    }),
    repeat(pauseMs.purchase, async (nth) => {
      seen.accessMs.push(await buy(stage, agent, `${run}_buyer_${nth}`));
    }),
  ]);
  agent.destroy();
  seen.cachedMs.sort((a, b) => a - b);
  return seen;
}

/** Buys, and returns the time from the payment to the access, milliseconds. */
async function buy(stage: Stage, agent: Agent, user: string): Promise<number> {
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
    const { text } = await readOnce(stage, agent, user, '');
    const ms = performance.now() - paidAt;
    if (text.includes('"export"') || ms > giveUpMs) return ms;
    await sleep(pauseMs.access);
  }
}

function readOnce(
  { api, shop }: Stage,
  agent: Agent,
  user: string,
  query: string,
): Promise<{ status: number; ms: number; text: string }> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const end = (status: number, text: string): void => {
      resolve({ status, ms: performance.now() - startedAt, text });
    };
    const request = send(
      `${api.serviceUrl}/api/v1/entitlements?user_id=${user}${query}`,
      { agent, headers: { authorization: `Bearer ${shop.appKey}` } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          end(response.statusCode ?? 0, text);
        });
      },
    );
    request.on('error', () => {
      end(0, '');
    });
    request.end();
  });
}
