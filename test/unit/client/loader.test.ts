import { describe, expect, it } from 'vitest';
import type { Send } from '../../../src/client/http.ts';
import { createLoader } from '../../../src/client/loader.ts';
import { LatchkeyError, LatchkeyUnavailable } from '../../../src/client/index.ts';
import { answerOf } from './answers.ts';

interface Request {
  userIds: string[];
  answer(): void;
  fail(error: Error): void;
}

/** A service whose requests a test answers. */
function startService(): { send: Send; requests: Request[]; next: () => Promise<Request> } {
  const requests: Request[] = [];
  let taken = 0;
  const send = (_path: string, { body }: { body?: unknown }) =>
    new Promise((resolve, reject) => {
      const { user_ids: userIds } = body as { user_ids: string[] };
      requests.push({
        userIds,
        answer: () => {
          resolve({ data: userIds.map((id) => answerOf(id)) });
        },
        fail: reject,
      });
    });
  return {
    send: send as Send,
    requests,
    async next() {
      while (requests.length <= taken) await new Promise((resolve) => setImmediate(resolve));
      taken += 1;
      const request = requests[taken - 1];
      if (request === undefined) throw new Error('there is no request');
      return request;
    },
  };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, nth) => `u_${nth}`);

describe('loading answers', () => {
  it('asks once for the users of one tick, and hands each its own answer', async () => {
    const { send, requests, next } = startService();
    const load = createLoader(send, 1_000);
    const loaded = Promise.all(['ann', 'bo', 'cy'].map(load));
    const request = await next();
    expect(request.userIds).toEqual(['ann', 'bo', 'cy']);
    request.answer();
    expect((await loaded).map(({ user_id: id }) => id)).toEqual(['ann', 'bo', 'cy']);
    expect(requests).toHaveLength(1);
  });

  it('asks for 100 users at most in one request', async () => {
    const { send, next } = startService();
    const load = createLoader(send, 1_000);
    const loaded = Promise.all(names(250).map(load));
    const sizes: number[] = [];
    for (let nth = 0; nth < 3; nth += 1) {
      const request = await next();
      sizes.push(request.userIds.length);
      request.answer();
    }
    expect(sizes).toEqual([100, 100, 50]);
    expect(await loaded).toHaveLength(250);
  });

  it('has four requests at once at most, and collects the rest', async () => {
    const { send, requests, next } = startService();
    const load = createLoader(send, 1_000);
    const loaded = Promise.all(names(900).map(load));
    const first = await Promise.all([next(), next(), next(), next()]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(requests).toHaveLength(4);
    for (const request of first) request.answer();
    for (let nth = 4; nth < 9; nth += 1) (await next()).answer();
    expect(await loaded).toHaveLength(900);
  });

  it('rejects all that wait once the service is unreachable, instead of asking for each', async () => {
    const { send, requests, next } = startService();
    const load = createLoader(send, 1_000);
    const outcomes = Promise.allSettled(names(500).map(load));
    for (let nth = 0; nth < 4; nth += 1) (await next()).fail(new LatchkeyUnavailable('away'));
    expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true);
    expect(requests).toHaveLength(4);
  });

  it('gives the others their answers if one user id is not valid', async () => {
    const { send, next } = startService();
    const load = createLoader(send, 1_000);
    const outcomes = Promise.allSettled(['ann', '..', 'cy', 'di'].map(load));
    const problem = new LatchkeyError(400, { code: 'bad_request' });
    for (let nth = 0; nth < 5; nth += 1) {
      const request = await next();
      if (request.userIds.includes('..')) request.fail(problem);
      else request.answer();
    }
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('does not take the answer of something else for one of Latchkey', async () => {
    for (const body of [{}, null, { data: [] }, { data: [answerOf('bo')] }]) {
      const load = createLoader((() => Promise.resolve(body)) as Send, 1_000);
      await expect(load('ann')).rejects.toThrow(LatchkeyUnavailable);
    }
  });
});
