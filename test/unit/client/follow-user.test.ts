import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followUser } from '../../../src/client/follow-user.ts';
import type { Answer } from '../../../src/client/index.ts';
import { answerOf } from './answers.ts';

const start = Date.parse('2026-11-01T00:00:00.000Z');
const minute = 60_000;

/** The streams that were opened; the test sends their events. */
let streams: FakeEventSource[] = [];

class FakeEventSource extends EventTarget {
  static readonly CLOSED = 2;
  readyState = 1;
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
    streams.push(this);
  }

  /** The service refuses it: browsers do not reconnect. */
  refuse(): void {
    this.readyState = FakeEventSource.CLOSED;
    this.dispatchEvent(new Event('error'));
  }

  report(revision: number): void {
    this.dispatchEvent(new MessageEvent('change', { data: JSON.stringify({ revision }) }));
  }

  close(): void {
    this.readyState = FakeEventSource.CLOSED;
  }
}

/** The requests for answers: token, `min_revision`, and when. */
let loads: { token: string; minRevision: string | null; at: number }[] = [];
let respond: (token: string) => Promise<Response>;
let answers: Answer[] = [];
let stop: () => void = () => undefined;

beforeEach(() => {
  vi.useFakeTimers({ now: start });
  [streams, loads, answers] = [[], [], []];
  respond = () => Promise.resolve(Response.json(answerOf('ann')));
  vi.stubGlobal('EventSource', FakeEventSource);
  vi.stubGlobal('fetch', (url: string, { headers }: { headers: { authorization: string } }) => {
    const token = headers.authorization.replace('Bearer ', '');
    const minRevision = new URL(url).searchParams.get('min_revision');
    loads.push({ token, minRevision, at: Date.now() - start });
    return respond(token);
  });
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const refused = (status: number): Response => Response.json({ code: 'unauthorized' }, { status });

/** A token as the service signs it; its name is its signature. */
function tokenOf(name: string, ttlSeconds = 900): string {
  const iat = Math.floor(Date.now() / 1_000);
  const payload = Buffer.from(JSON.stringify({ iat, exp: iat + ttlSeconds })).toString('base64url');
  return `eyJ.${payload}.${name}`;
}

const nameOf = (token: string | undefined): string | undefined => token?.split('.')[2];

/** Follows `ann`; returns when tokens were asked for, milliseconds from the start. */
function follow(given: {
  token?: string;
  getToken?: (nth: number) => Promise<string> | undefined;
}): number[] {
  const asked: number[] = [];
  stop = followUser({
    ...{ url: 'http://latchkey.test', userId: 'ann', token: given.token },
    getToken() {
      asked.push(Date.now() - start);
      return given.getToken?.(asked.length);
    },
    onAnswer: (answer) => answers.push(answer),
  });
  return asked;
}

describe('the token of a page', () => {
  it('is renewed after nine tenths of its lifetime, and the stream gets the new one', async () => {
    const asked = follow({ getToken: (nth) => Promise.resolve(tokenOf(`t${nth}`)) });
    await vi.advanceTimersByTimeAsync(30 * minute);
    expect(asked).toEqual([0, 810_000, 1_620_000]);
    expect(
      streams.map(({ url }) => nameOf(new URL(url).searchParams.get('access_token') ?? '')),
    ).toEqual(['t1', 't2', 't3']);
    expect(streams.map(({ readyState }) => readyState)).toEqual([2, 2, 1]);
    expect(nameOf(loads.at(-1)?.token)).toBe('t3');
  });

  it('may be the first of several', async () => {
    const asked = follow({ token: tokenOf('t0'), getToken: () => Promise.resolve(tokenOf('t1')) });
    await vi.advanceTimersByTimeAsync(15 * minute);
    expect(asked).toEqual([810_000]);
    expect(nameOf(loads[0]?.token)).toBe('t0');
    expect(nameOf(loads.at(-1)?.token)).toBe('t1');
  });

  it('serves until its end if another cannot be had', async () => {
    follow({
      getToken: (nth) =>
        nth === 1 ? Promise.resolve(tokenOf('t1')) : Promise.reject(new Error('away')),
    });
    await vi.advanceTimersByTimeAsync(14 * minute);
    expect(nameOf(loads.at(-1)?.token)).toBe('t1');
    expect(loads.at(-1)?.at).toBeGreaterThan(13 * minute);
    expect(streams).toHaveLength(1);
  });

  it('is asked for after 1 s, 2 s, 4 s and so on up to 60 s while that fails, and never at once', async () => {
    const asked = follow({ getToken: () => Promise.reject(new Error('away')) });
    await vi.advanceTimersByTimeAsync(4 * minute);
    expect(asked).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183].map((seconds) => seconds * 1_000));
    expect(loads).toEqual([]);
  });

  it('is not replaced by other text, such as an error page of the server of the app', async () => {
    const asked = follow({
      getToken: (nth) => Promise.resolve(nth === 2 ? 'Bad Gateway' : tokenOf(`t${nth}`)),
    });
    await vi.advanceTimersByTimeAsync(15 * minute);
    expect(asked).toEqual([0, 810_000, 811_000]);
    expect([...new Set(loads.map(({ token }) => nameOf(token)))]).toEqual(['t1', 't3']);
  });

  it('is asked for at once if the first one is other text', async () => {
    const asked = follow({ token: 'Bad Gateway', getToken: () => Promise.resolve(tokenOf('t1')) });
    await vi.advanceTimersByTimeAsync(minute);
    expect(asked).toEqual([0]);
    expect([...new Set(loads.map(({ token }) => nameOf(token)))]).toEqual(['t1']);
  });

  it('counts as failed after 10 s without one', async () => {
    const asked = follow({ getToken: () => new Promise<string>(() => undefined) });
    await vi.advanceTimersByTimeAsync(24_000);
    expect(asked).toEqual([0, 11_000, 23_000]);
  });

  it.each([401, 403])(
    'is replaced when the service refuses it with %i, as slowly as after a failure',
    async (status) => {
      respond = () => Promise.resolve(refused(status));
      const asked = follow({ getToken: (nth) => Promise.resolve(tokenOf(`t${nth}`)) });
      await vi.advanceTimersByTimeAsync(10_000);
      expect(asked).toEqual([0, 1_000, 3_000, 7_000]);
      respond = () => Promise.resolve(Response.json(answerOf('ann')));
      await vi.advanceTimersByTimeAsync(10_000);
      expect(answers).toHaveLength(1);
      expect(asked).toHaveLength(5);
    },
  );

  it('ends what it kept live if there is no way to get another', async () => {
    const asked = follow({ token: tokenOf('t0') });
    await vi.advanceTimersByTimeAsync(15 * minute);
    respond = () => Promise.resolve(refused(401));
    await vi.advanceTimersByTimeAsync(5 * minute);
    const { length } = loads;
    await vi.advanceTimersByTimeAsync(60 * minute);
    expect(loads).toHaveLength(length);
    expect(streams.map(({ readyState }) => readyState)).toEqual([2]);
    expect(asked).toEqual([810_000]);
  });
});

describe('the answer of a page', () => {
  it('is loaded after a reported change with at least its revision, after a boundary, and every minute', async () => {
    respond = () =>
      Promise.resolve(
        Response.json(
          answerOf('ann', {
            next_change_at: Date.now() < start + 30_000 ? '2026-11-01T00:00:30.000Z' : null,
          }),
        ),
      );
    follow({ token: tokenOf('t0') });
    await vi.advanceTimersByTimeAsync(5_000);
    streams[0]?.report(7);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(loads.map(({ at, minRevision }) => [at, minRevision])).toEqual([
      [0, null],
      [5_000, '7'],
      [30_000, null],
      [90_000, null],
    ]);
  });

  it('is loaded again after a failure, so that a boundary is not the end', async () => {
    const refusal = new TypeError('fetch failed');
    respond = () => Promise.reject(refusal);
    follow({ token: tokenOf('t0') });
    await vi.advanceTimersByTimeAsync(2_000);
    respond = () => Promise.resolve(Response.json(answerOf('ann')));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(answers).toHaveLength(1);
  });

  it('follows a stream that is opened again after a refusal, more slowly each time', async () => {
    follow({ token: tokenOf('t0') });
    await vi.advanceTimersByTimeAsync(0);
    const openedAt: number[] = [];
    for (let nth = 0; nth < 4; nth += 1) {
      const { length } = streams;
      streams.at(-1)?.refuse();
      while (streams.length === length) await vi.advanceTimersByTimeAsync(500);
      openedAt.push(Date.now() - start);
    }
    expect(openedAt).toEqual([1_000, 3_000, 7_000, 15_000]);
  });

  it('does not arrive after the end', async () => {
    let resolve: (response: Response) => void = () => undefined;
    respond = () =>
      new Promise((done) => {
        resolve = done;
      });
    follow({ token: tokenOf('t0') });
    await vi.advanceTimersByTimeAsync(10);
    stop();
    resolve(Response.json(answerOf('ann')));
    await vi.advanceTimersByTimeAsync(minute);
    expect(answers).toEqual([]);
    expect(loads).toHaveLength(1);
  });
});
