import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { askOnce } from '../faults/client.ts';
import { featureCode, type Wallets } from './wallets.ts';

/** One consume. Its number determines everything about it. */
export interface Consume {
  idempotencyKey: string;
  body: { user_id: string; feature_code: string; amount: number };
}

/** What the service acknowledged, by the number of the consume. */
export type Answers = ReadonlyMap<number, ConsumeAnswer>;

/** The answer to a consume. */
export const answerShape = z.strictObject({
  allowed: z.boolean(),
  reason: z.string(),
  consumed: z.number(),
  balance: z.number(),
  entry_id: z.string().nullable(),
});
type ConsumeAnswer = z.infer<typeof answerShape>;

export interface Spent {
  answers: Answers;
  /** How many requests were sent again because the first had no answer, or an error. */
  retried: number;
  /** How many were sent twice at the same time. */
  doubled: number;
  seconds: number;
  wrong: string[];
}

export interface Spending {
  /** The share of consumes that are acknowledged, from 0 to 1. */
  progress(): number;
  done: Promise<Spent>;
}

/** How many consumes run at the same time. */
const concurrency = 48;

/** Every so many consumes is sent twice at the same time, with the same key. */
const doubleEvery = 10;

/** Every so many consumes, the app reads the user's entitlements, which fills the cache in Redis. */
const readEvery = 20;

const retryMs = 200;

/** Returns the consume with a number: users in turn, each with amounts of 1 to 3. */
export function consumeOf({ users }: Wallets, number: number): Consume {
  const user = users[number % users.length] ?? '';
  const amount = 1 + (Math.floor(number / users.length) % 3);
  return {
    idempotencyKey: `consume_${number}`,
    body: { user_id: user, feature_code: featureCode, amount },
  };
}

/** Sends all consumes, each until it is acknowledged. */
export function spend(wallets: Wallets, count: number): Spending {
  const startedAt = performance.now();
  const answers = new Map<number, ConsumeAnswer>();
  const wrong: string[] = [];
  let [next, retried, doubled] = [0, 0, 0];

  async function acknowledged(number: number): Promise<ConsumeAnswer> {
    const { idempotencyKey, body } = consumeOf(wallets, number);
    const { serviceUrl, key } = wallets.app;
    const question = { method: 'POST', path: '/api/v1/usage/consume', key, body } as const;
    for (;;) {
      const { status, body: received } = await askOnce(serviceUrl, { ...question, idempotencyKey });
      if (status === 200) return answerShape.parse(received);
      if (status < 500 && status !== 429) {
        throw new Error(`consume ${number} got ${status}: ${JSON.stringify(received)}`);
      }
      retried += 1;
      await sleep(retryMs);
    }
  }

  async function read(number: number): Promise<void> {
    const { user_id: user } = consumeOf(wallets, number).body;
    const { serviceUrl, key } = wallets.app;
    const path = `/api/v1/entitlements?user_id=${user}`;
    const { status } = await askOnce(serviceUrl, { method: 'GET', path, key });
    if (status !== 200 && status < 500) wrong.push(`a read of ${user} got ${status}`);
  }

  async function work(): Promise<void> {
    while (next < count) {
      const number = next;
      next += 1;
      const isDouble = number % doubleEvery === 0;
      doubled += Number(isDouble);
      const asked = [acknowledged(number), ...(isDouble ? [acknowledged(number)] : [])];
      const [first, second] = await Promise.all(asked);
      if (first === undefined) continue;
      if (isDouble && JSON.stringify(first) !== JSON.stringify(second)) {
        wrong.push(`consume ${number}, sent twice at once, got two answers`);
      }
      if (number % readEvery === 0) await read(number);
      answers.set(number, first);
    }
  }

  const done = Promise.all(Array.from({ length: concurrency }, work)).then(() => {
    const seconds = (performance.now() - startedAt) / 1_000;
    return { answers, retried, doubled, seconds, wrong };
  });
  // A failure is thrown where `done` is awaited, which may be later.
  done.catch(() => undefined);
  return { progress: () => answers.size / count, done };
}
