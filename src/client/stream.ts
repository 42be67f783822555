import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { createSend, type HttpOptions, urlOf } from './http.ts';
import { LatchkeyError } from './problem.ts';
import type { AnswerOf, Change } from './routes.ts';
import { unref, wait } from './timer.ts';

export interface StreamHandlers {
  onChange(change: Change): void;
  /** Called when changes may have been missed. */
  onGap(): void;
  /** Whether a connection may be tried now. */
  mayConnect(): boolean;
  now(): number;
}

export interface StreamTimes {
  /** Silence after which the connection counts as lost; the service sends a comment every 15 s. */
  silenceMs: number;
  /** The first and the longest wait before a reconnect. */
  reconnectMs: { first: number; last: number };
  /**
   * The wait after an error status other than 429 and 5xx, such as 403. Also the maximum that `Retry-After` can
   * ask for.
   */
  refusedMs: number;
  /** Time limit of the request for the missed changes. */
  timeoutMs: number;
}

const streamTimes: StreamTimes = {
  silenceMs: 35_000,
  reconnectMs: { first: 250, last: 10_000 },
  refusedMs: 60_000,
  timeoutMs: 5_000,
};

export interface ChangeStream {
  /** Returns whether every change until now was reported, except changes that are still in transit. */
  isLive(now: number): boolean;
  /** Ends the wait before the next connection. */
  wake(): void;
  /** Resolves once the connection is closed. */
  close(): Promise<void>;
}

/**
 * After this many missed changes, the client reloads every answer instead of waiting for the stream to replay
 * them. Also the page size of the request that counts them.
 */
const maxMissed = 1_000;

/**
 * Follows the feed of changes until the returned stream is closed. After a disconnect, resumes where it left
 * off.
 */
export function followStream(
  http: HttpOptions,
  handlers: StreamHandlers,
  times: StreamTimes = streamTimes,
): ChangeStream {
  const send = createSend(http);
  const closed = new AbortController();
  let waking = new AbortController();
  let cursor: string | undefined;
  let failures = 0;
  /** Until when the connection counts as live, epoch milliseconds; 0 if it has not caught up or was lost. */
  let liveUntil = 0;

  /** Returns the cursor of the last missed change; null if no change was missed, undefined if too many were. */
  async function lastMissed(after: string): Promise<string | null | undefined> {
    const { data } = await send<AnswerOf<'/api/v1/changes'>>('/changes', {
      query: { after, limit: maxMissed },
      timeoutMs: times.timeoutMs,
      isRead: true,
    });
    return data.length >= maxMissed ? undefined : (data.at(-1)?.cursor ?? null);
  }

  /** Connects once. Resolves after the end of the connection with the time to wait, milliseconds. */
  async function connect(): Promise<number> {
    const connection = new AbortController();
    const end = (): void => {
      connection.abort();
    };
    closed.signal.addEventListener('abort', end);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isCaughtUp = false;
    const beganAt = performance.now();
    /** Cursors of the changes that arrived before the last missed change was known. */
    const arrived = new Set<string>();
    let awaited: string | undefined;

    function hear(): void {
      clearTimeout(timer);
      timer = setTimeout(end, times.silenceMs);
      unref(timer);
      if (isCaughtUp) liveUntil = handlers.now() + times.silenceMs;
    }

    function catchUp(): void {
      isCaughtUp = true;
      arrived.clear();
      hear();
    }

    function startOver(): void {
      handlers.onGap();
      catchUp();
    }

    /** `ready` comes before the missed changes; the stream is live after the last of them. */
    function resume(after: string): void {
      lastMissed(after).then((last) => {
        if (connection.signal.aborted || isCaughtUp) return;
        if (last === undefined) startOver();
        else if (last === null || arrived.has(last)) catchUp();
        else awaited = last;
      }, onFailure);
    }

    function onFailure(error: unknown): void {
      // A response that arrives after the end of the connection must not make it count as live.
      if (connection.signal.aborted || isCaughtUp) return;
      if (error instanceof LatchkeyError && error.code === 'cursor_expired') startOver();
      else end();
    }

    function receive({ event, id, data }: EventSourceMessage): void {
      if (event === 'change') {
        handlers.onChange(JSON.parse(data) as Change);
        if (!isCaughtUp && id !== undefined) arrived.add(id);
        if (id !== undefined && id === awaited) catchUp();
      } else if (event === 'reset' || (event === 'ready' && cursor === undefined)) startOver();
      else if (event === 'ready' && cursor !== undefined) resume(cursor);
      // Set after the event was handled: an event whose handler fails must arrive again.
      if (id !== undefined) cursor = id;
    }

    try {
      hear();
      const response = await http.fetch(urlOf(http.url, '/changes/stream'), {
        headers: {
          authorization: `Bearer ${http.key}`,
          accept: 'text/event-stream',
          ...(cursor === undefined ? {} : { 'last-event-id': cursor }),
        },
        signal: connection.signal,
      });
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        return waitAfter(response);
      }
      const parser = createParser({ onEvent: receive });
      const decoder = new TextDecoder();
      const body: ReadableStream<Uint8Array> = response.body;
      const reader = body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        hear();
        parser.feed(decoder.decode(value, { stream: true }));
      }
    } catch {
      // The connection failed or was closed; it is opened again.
    } finally {
      clearTimeout(timer);
      closed.signal.removeEventListener('abort', end);
      liveUntil = 0;
      connection.abort();
    }
    // Keeps the back-off if the service accepts connections only to close them.
    if (performance.now() - beganAt > times.reconnectMs.last) failures = 0;
    return backOff();
  }

  function backOff(): number {
    const ms = Math.min(times.reconnectMs.first * 2 ** failures, times.reconnectMs.last);
    failures += 1;
    return ms;
  }

  function waitAfter({ status, headers }: Response): number {
    const retryAfterMs = Number(headers.get('retry-after')) * 1_000;
    if (retryAfterMs > 0) return Math.min(retryAfterMs, times.refusedMs);
    return status === 429 || status >= 500 ? backOff() : times.refusedMs;
  }

  const isClosed = (): boolean => closed.signal.aborted;

  async function run(): Promise<void> {
    while (!isClosed()) {
      const waitMs = handlers.mayConnect() ? await connect() : times.reconnectMs.first;
      if (isClosed()) return;
      waking = new AbortController();
      await wait(waitMs * (1 + Math.random() / 2), waking.signal);
    }
  }

  const ended = run();
  return {
    isLive: (now) => now < liveUntil,
    wake() {
      waking.abort();
    },
    close() {
      closed.abort();
      waking.abort();
      return ended;
    },
  };
}
