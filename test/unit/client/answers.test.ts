import { describe, expect, it } from 'vitest';
import { createAnswers } from '../../../src/client/answers.ts';
import type { Send } from '../../../src/client/http.ts';
import { type Change, LatchkeyError } from '../../../src/client/index.ts';
import { answerOf } from './answers.ts';

const minute = 60_000;

interface Request {
  path: string;
  minRevision: number | undefined;
  respond(revision: number, nextChangeAt?: string): void;
  fail(error: Error): void;
}

/** The store over a service whose requests the test answers. `clock` is the present. */
function start() {
  const requests: Request[] = [];
  const clock = { now: Date.parse('2026-11-01T00:00:00.000Z') };
  const send = (path: string, { query }: { query?: { min_revision?: number } }) =>
    new Promise((resolve, reject) => {
      requests.push({
        path,
        minRevision: query?.min_revision,
        respond(revision, nextChangeAt) {
          const answer = answerOf('ann', { revision, next_change_at: nextChangeAt ?? null });
          resolve(path === '/entitlements/batch' ? { data: [answer] } : answer);
        },
        fail: reject,
      });
    });
  const answers = createAnswers(
    {
      ...{ send: send as Send, now: () => clock.now, isLive: () => true },
      availability: { isUp: () => true, begin: () => () => undefined, close: () => undefined },
    },
    { maxUsers: 10, maxStaleMs: minute, maxLastKnownMs: 1_440 * minute, timeoutMs: 1_000 },
  );
  async function next(): Promise<Request> {
    for (;;) {
      const request = requests.shift();
      if (request !== undefined) return request;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { answers, clock, next };
}

type Answers = ReturnType<typeof start>['answers'];

const loads: [string, (answers: Answers) => Promise<unknown>][] = [
  ['a load', (answers) => answers.load('ann')],
  ['a load of a revision', (answers) => answers.loadAtLeast('ann', 1)],
];

describe('what the client keeps of an answer', () => {
  it.each(loads)(
    'is only the last known answer if a gap is reported during %s',
    async (_, load) => {
      const { answers, next } = start();
      const loaded = load(answers);
      const request = await next();
      answers.noteGap();
      request.respond(1);
      await loaded;
      expect(answers.fresh('ann')).toBeUndefined();
      expect(answers.last('ann')?.answer.revision).toBe(1);
      // The next load began after the gap.
      const again = load(answers);
      (await next()).respond(1);
      await again;
      expect(answers.fresh('ann')?.answer.revision).toBe(1);
    },
  );

  it('is the newer of two answers, if the older one arrives last', async () => {
    const { answers, next } = start();
    const older = answers.load('ann');
    const first = await next();
    const newer = answers.loadAtLeast('ann', 2);
    (await next()).respond(2);
    await newer;
    first.respond(1);
    expect((await older).answer.revision).toBe(2);
    expect(answers.fresh('ann')?.answer.revision).toBe(2);
  });

  it('is never older than what it knew, even if a cache of the service is late at the end of a window', async () => {
    const { answers, clock, next } = start();
    const first = answers.load('ann');
    (await next()).respond(5, new Date(clock.now + minute).toISOString());
    await first;
    clock.now += minute;
    const second = answers.load('ann');
    const late = await nextOf(next, ({ path }) => path === '/entitlements/batch');
    late.respond(4);
    const again = await nextOf(next, ({ minRevision }) => minRevision !== undefined);
    expect(again.minRevision).toBe(5);
    again.respond(5);
    expect((await second).nextChangeAt).toBe(Infinity);
  });

  it('is nothing if every response lacks a change that was reported meanwhile', async () => {
    const { answers, next } = start();
    const loaded = answers.load('ann');
    for (const revision of [1, 2, 3]) {
      const request = await next();
      answers.noteChange(changeOf(revision + 1));
      request.respond(revision);
    }
    expect((await loaded).answer.revision).toBe(3);
    expect(answers.last('ann')).toBeUndefined();
  });

  it('is older than what it knew if the service was restored from a backup', async () => {
    const { answers, next } = start();
    const first = answers.load('ann');
    (await next()).respond(5);
    await first;
    const second = answers.load('ann');
    (await next()).respond(4);
    (await next()).fail(new LatchkeyError(409, { code: 'revision_not_reached' }));
    expect((await second).answer.revision).toBe(4);
    expect(answers.fresh('ann')?.answer.revision).toBe(4);
  });

  it('says for 5 seconds that a feature does not exist, since it may be new', async () => {
    const { answers, clock, next } = start();
    const loaded = answers.load('ann');
    (await next()).respond(1);
    await loaded;
    clock.now += 4_999;
    expect(answers.fresh('ann', 'report')?.answer.revision).toBe(1);
    clock.now += 1;
    expect(answers.fresh('ann', 'report')).toBeUndefined();
    expect(answers.fresh('ann', 'export')?.answer.revision).toBe(1);
  });
});

function changeOf(revision: number): Change {
  const at = '2026-11-01T00:00:00.000Z';
  return {
    ...{ cursor: String(revision), project_id: 'notes', user_id: 'ann', revision },
    ...{ cause: 'operator', at, recorded_at: at, next_change_at: null },
    ...{ gained: [], lost: [], changed: ['export'] },
  };
}

/** Returns the next such request: the client also loads what follows the next change. */
async function nextOf(
  next: () => Promise<Request>,
  isSuch: (request: Request) => boolean,
): Promise<Request> {
  for (;;) {
    const request = await next();
    if (isSuch(request)) return request;
  }
}
