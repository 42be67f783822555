import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import type { HeldEnd } from './held-requests.ts';

/** Why a stream was closed. */
type CloseReason = 'client' | 'slow' | 'failed' | HeldEnd;

/**
 * Interval of the keep-alive comments, milliseconds. They keep proxies from closing the connection and detect
 * a dead one.
 */
const commentEveryMs = 15_000;

/** Maximum buffered bytes before the stream of a slow reader is closed. */
const maxBufferedBytes = 1_048_576;

/** Maximum buffered bytes before a catching-up reader is throttled. */
const catchUpBytes = 262_144;

/** A reply as a stream of events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface Stream {
  /** Aborts when the stream is closed. */
  readonly closed: AbortSignal;
  /** Sends the text of an event. Closes the stream if its reader is too slow. */
  send(text: string): void;
  /** Resolves once the buffer has room for a catching-up reader, or the stream is closed. */
  ready(): Promise<void>;
  close(reason: CloseReason): void;
}

/** Returns an event as text; `data` must not contain line breaks. */
export function eventText(event: string, id: string, data: object): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * Turns a reply into a stream, with the headers that were set so far.
 *
 * @param onClose called once.
 */
export function openStream(reply: FastifyReply, onClose: (reason: CloseReason) => void): Stream {
  const { raw } = reply;
  const closed = new AbortController();
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // nginx would otherwise keep events until its buffer is full.
    'x-accel-buffering': 'no',
  });
  function close(reason: CloseReason): void {
    if (closed.signal.aborted) return;
    closed.abort();
    clearInterval(commenting);
    if (reason === 'slow') raw.destroy();
    else raw.end();
    onClose(reason);
  }

  function send(text: string): void {
    if (closed.signal.aborted) return;
    raw.write(text);
    if (raw.writableLength > maxBufferedBytes) close('slow');
  }

  const commenting = setInterval(() => {
    send(':\n\n');
  }, commentEveryMs);

  // If the client has already disconnected, no `close` event follows.
  if (raw.destroyed) close('client');
  else
    raw.once('close', () => {
      close('client');
    });

  return {
    closed: closed.signal,
    send,
    async ready() {
      while (!closed.signal.aborted && raw.writableLength > catchUpBytes) {
        await once(raw, 'drain', { signal: closed.signal }).catch(() => undefined);
      }
    },
    close,
  };
}
