import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { HttpOptions } from './http.ts';
import type { Change } from './routes.ts';

export interface StreamHandlers {
  /** The stream reports every change from now on; `isResumed`: none was missed since it was last up. */
  onUp(isResumed: boolean): void;
  onDown(): void;
  onChange(change: Change): void;
  /** Changes were missed. */
  onReset(): void;
  /** Whether a connection may be tried now. */
  mayConnect(): boolean;
}

export interface StreamTimes {
  /** Silence after which the connection counts as lost; the service sends a comment every 15 s. */
  silenceMs: number;
  /** The first and the longest wait before a reconnect. */
  reconnectMs: { first: number; last: number };
}

const streamTimes: StreamTimes = {
  silenceMs: 35_000,
  reconnectMs: { first: 250, last: 10_000 },
};

/** Follows the feed of changes until it is closed, and reconnects where it left off. */
export function followStream(
  { url, key, fetch: send }: HttpOptions,
  handlers: StreamHandlers,
  times: StreamTimes = streamTimes,
): { close(): void } {
  const closed = new AbortController();
  let cursor: string | undefined;
  let failures = 0;

  function receive({ event, id, data }: EventSourceMessage): void {
    if (id !== undefined) cursor = id;
    if (event === 'change') handlers.onChange(JSON.parse(data) as Change);
    else if (event === 'reset') handlers.onReset();
  }

  async function connect(): Promise<void> {
    const silent = new AbortController();
    const wasUp = cursor !== undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        silent.abort();
      }, times.silenceMs);
      unref(timer);
    };
    const state = { isUp: false };
    try {
      heard();
      const response = await send(`${url.replace(/\/+$/, '')}/api/v1/changes/stream`, {
        headers: {
          authorization: `Bearer ${key}`,
          accept: 'text/event-stream',
          ...(cursor === undefined ? {} : { 'last-event-id': cursor }),
        },
        signal: AbortSignal.any([closed.signal, silent.signal]),
      });
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        return;
      }
      const parser = createParser({
        onEvent(message) {
          receive(message);
          if (state.isUp || message.event !== 'ready') return;
          state.isUp = true;
          failures = 0;
          handlers.onUp(wasUp);
        },
      });
      const decoder = new TextDecoder();
      const body: ReadableStream<Uint8Array> = response.body;
      const reader = body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        parser.feed(decoder.decode(value, { stream: true }));
      }
    } catch {
      // The connection failed or was closed; it is opened again.
    } finally {
      clearTimeout(timer);
      if (state.isUp) handlers.onDown();
    }
  }

  async function run(): Promise<void> {
    while (!closed.signal.aborted) {
      if (!handlers.mayConnect()) {
        await wait(times.reconnectMs.first, closed.signal);
        continue;
      }
      await connect();
      const waitMs = Math.min(times.reconnectMs.first * 2 ** failures, times.reconnectMs.last);
      failures += 1;
      await wait(waitMs * (0.5 + Math.random() / 2), closed.signal);
    }
  }

  void run();
  return {
    close() {
      closed.abort();
    },
  };
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    unref(timer);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** Lets the process end while a timer waits, where the runtime has processes. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object' && 'unref' in timer) timer.unref();
}
