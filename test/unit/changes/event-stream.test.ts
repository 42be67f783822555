import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setImmediate as otherWork } from 'node:timers/promises';
import { fastify } from 'fastify';
import { afterEach, expect, it, vi } from 'vitest';
import { openStream, type Stream } from '../../../src/changes/event-stream.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** Opens a stream, whose first text is `first`, and returns both of its ends and why it was closed. */
async function openBoth(first: string) {
  const reasons: string[] = [];
  const opened = Promise.withResolvers<Stream>();
  const app = fastify();
  app.get('/', (_request, reply) => {
    opened.resolve(openStream(reply, (reason) => reasons.push(reason)));
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const request = get(url);
  closers.push(async () => {
    request.destroy();
    await app.close();
  });
  const responded = once(request, 'response') as Promise<[IncomingMessage]>; // what the event passes
  const stream = await opened.promise;
  stream.send(first);
  const [response] = await responded;
  return { stream, response: response.setEncoding('utf8'), reasons };
}

it('a stream sends a comment every 15 s until it is closed', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { stream, response, reasons } = await openBoth('a');
  vi.advanceTimersByTime(14_999);
  stream.send('b');
  vi.advanceTimersByTime(1);
  stream.send('c');
  vi.advanceTimersByTime(15_000);
  stream.close('stopping');
  vi.advanceTimersByTime(60_000);
  expect(vi.getTimerCount()).toBe(0);
  let received = '';
  for await (const text of response) received += String(text);
  expect(received).toBe('ab:\n\nc:\n\n');
  expect(reasons).toEqual(['stopping']);
});

it('a stream that catches up waits for its reader, and is not closed', async () => {
  const { stream, response, reasons } = await openBoth('a');
  const isReady = (): Promise<boolean> =>
    Promise.race([stream.ready().then(() => true), otherWork(false)]);
  let sent = 0;
  // The kernel buffers some MB before the stream does.
  while (sent < 1_000 && (await isReady())) {
    stream.send('x'.repeat(65_536));
    sent += 1;
  }
  expect(await isReady()).toBe(false);
  response.resume();
  await stream.ready();
  expect(reasons).toEqual([]);
});
