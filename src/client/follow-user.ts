import { instantOf } from './core/answer.ts';
import { unverifiedClaims } from './core/claims.ts';
import { createSend, urlOf } from './http.ts';
import { LatchkeyError } from './problem.ts';
import type { Answer, Change } from './routes.ts';
import { wait } from './timer.ts';

export interface FollowOptions {
  /** The service's URL. */
  url: string;
  userId: string;
  /** The first user token; without it, `getToken` returns the first one. */
  token: string | undefined;
  /** Returns a new user token; undefined if the app has no `getToken`. */
  getToken: () => Promise<string> | undefined;
  onAnswer: (answer: Answer) => void;
}

/** Interval at which the answer is loaded if the stream reports no change, milliseconds. */
const loadEveryMs = 60_000;

/** The wait after the first failure, and the longest one, milliseconds. */
const retryMs = { first: 1_000, last: 60_000 };

/** Time limit of a request, and of `getToken`, milliseconds. */
const timeoutMs = 10_000;

/**
 * A token is renewed after this part of its lifetime, counted from its arrival, because the page's clock may be
 * wrong.
 */
const renewedAfter = 0.9;

/**
 * Loads a user's answer with a user token: now, after each change that the stream reports, at each boundary,
 * and every minute. Renews the token before it expires, and after the service rejected it. Retries failures
 * after 1 s, then after twice as long each time, at most 60 s. Without `getToken`, stops once the service
 * rejects the token.
 *
 * @returns a function that stops it; `onAnswer` is not called afterwards.
 */
export function followUser(options: FollowOptions): () => void {
  const { url, userId, getToken, onAnswer } = options;
  const ended = new AbortController();
  let waking = new AbortController();
  let { token } = options;
  /** When to ask for a new token, epoch milliseconds; Infinity = the app has no `getToken`. */
  let renewAt = (token === undefined ? undefined : renewalOf(token)) ?? -Infinity;
  let events: EventSource | undefined;
  const failures = { load: 0, token: 0, stream: 0 };
  /** The revision that the last reported change names; 0 = no change was reported since the last load. */
  let reported = 0;

  const isEnded = (): boolean => ended.signal.aborted;

  function wake(): void {
    waking.abort();
  }

  function backOff(of: keyof typeof failures): number {
    const ms = Math.min(retryMs.first * 2 ** failures[of], retryMs.last);
    failures[of] += 1;
    return ms;
  }

  /**
   * Gets a new token if renewal is due. If that fails, the present token remains in use until the service
   * rejects it.
   */
  async function renew(): Promise<void> {
    if (Date.now() < renewAt) return;
    try {
      const next = getToken();
      if (next === undefined) {
        renewAt = Infinity;
        return;
      }
      const late = wait(timeoutMs, ended.signal).then(() => {
        throw new Error(`\`getToken\` returned no token within ${timeoutMs} ms.`);
      });
      const renewed = await Promise.race([next, late]);
      const nextRenewal = renewalOf(renewed);
      // An app may pass on the text of an error page.
      if (nextRenewal === undefined) throw new Error('`getToken` returned no user token.');
      token = renewed;
      renewAt = nextRenewal;
      failures.token = 0;
      closeStream();
    } catch {
      renewAt = Date.now() + backOff('token');
    }
  }

  function closeStream(): void {
    events?.close();
    events = undefined;
  }

  /**
   * Opens the stream unless it is open. `EventSource` reconnects after a lost connection, but not after an
   * error status.
   */
  function openStream(present: string): void {
    if (events !== undefined && events.readyState !== EventSource.CLOSED) return;
    const query = new URLSearchParams({ user_id: userId, access_token: present });
    const stream = new EventSource(`${urlOf(url, '/changes/stream')}?${query.toString()}`);
    events = stream;
    stream.addEventListener('ready', () => {
      failures.stream = 0;
      wake();
    });
    stream.addEventListener('reset', wake);
    stream.addEventListener('change', (event) => {
      if ('data' in event) reported = (JSON.parse(String(event.data)) as Change).revision;
      wake();
    });
    stream.addEventListener('error', () => {
      if (stream !== events || stream.readyState !== EventSource.CLOSED) return;
      void wait(backOff('stream'), ended.signal).then(wake);
    });
  }

  /** Loads the answer. Returns the wait before the next load, milliseconds. */
  async function load(present: string): Promise<number> {
    const send = createSend({ url, key: present, fetch: (...request) => fetch(...request) });
    const minRevision = reported;
    reported = 0;
    const answer = await send<Answer>('/entitlements', {
      // Without it, a cache of the service could return an answer from before the change.
      query: { user_id: userId, min_revision: minRevision === 0 ? undefined : minRevision },
      timeoutMs,
      isRead: true,
    });
    if (!isEnded()) onAnswer(answer);
    failures.load = 0;
    const leftMs = instantOf(answer.next_change_at) - Date.now();
    // If the page's clock is ahead, requests must still have pauses between them.
    return leftMs > 0 ? Math.min(leftMs, loadEveryMs) : retryMs.first;
  }

  /** Returns how long to wait until the next step, milliseconds. */
  async function step(): Promise<number> {
    await renew();
    if (token === undefined || isEnded()) return renewAt - Date.now();
    openStream(token);
    try {
      const waitMs = await load(token);
      return Math.max(0, Math.min(waitMs, renewAt - Date.now()));
    } catch (error) {
      const waitMs = backOff('load');
      if (error instanceof LatchkeyError && [401, 403].includes(error.status)) {
        closeStream();
        token = undefined;
        // `getToken` may return invalid tokens again, so the next call waits as after a failure.
        renewAt = renewAt === Infinity ? Infinity : Date.now() + waitMs;
      }
      return waitMs;
    }
  }

  async function run(): Promise<void> {
    while (!isEnded()) {
      waking = new AbortController();
      const waitMs = await step();
      if (waitMs === Infinity) break;
      await wait(waitMs, waking.signal);
    }
  }

  void run();
  return () => {
    ended.abort();
    wake();
    closeStream();
  };
}

/**
 * Returns when to renew a token that just arrived, epoch milliseconds; undefined if the text is not a user token,
 * since user tokens state their lifetime.
 */
function renewalOf(token: string): number | undefined {
  const claims = unverifiedClaims(token);
  const [issuedAt, end] = [claims?.['iat'], claims?.['exp']];
  if (typeof issuedAt !== 'number' || typeof end !== 'number') return undefined;
  return Date.now() + (end - issuedAt) * 1_000 * renewedAfter;
}
