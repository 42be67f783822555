import { expect, it, onTestFinished, vi } from 'vitest';
import { followStream } from '../../../src/client/stream.ts';

const problem = (status: number, code: string) =>
  new Response(JSON.stringify({ code, detail: 'a test' }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });

/** A connection that the test writes to and ends. */
function connection() {
  const bytes = new TransformStream<Uint8Array, Uint8Array>();
  const writer = bytes.writable.getWriter();
  return {
    response: new Response(bytes.readable, { headers: { 'content-type': 'text/event-stream' } }),
    ready: (cursor: string) =>
      writer.write(new TextEncoder().encode(`event: ready\nid: ${cursor}\ndata: {}\n\n`)),
    end: () => writer.close(),
  };
}

it('a connection that has ended does not count as live, if its missed changes are answered later', async () => {
  const [first, second] = [connection(), connection()];
  const missed = Promise.withResolvers<Response>();
  const streams = [first, second];
  const asked: string[] = [];
  const never = new Promise<Response>(() => undefined);
  const stream = followStream(
    {
      ...{ url: 'http://latchkey.test', key: 'key' },
      fetch: (input) => {
        const { pathname } = new URL(input instanceof Request ? input.url : input);
        asked.push(pathname);
        if (!pathname.endsWith('/stream')) return missed.promise;
        return Promise.resolve(streams.shift()?.response ?? never);
      },
    },
    { onChange: () => undefined, onGap: () => undefined, mayConnect: () => true, now: () => 0 },
    {
      ...{ silenceMs: 60_000, refusedMs: 60_000, timeoutMs: 60_000 },
      reconnectMs: { first: 1, last: 1 },
    },
  );
  onTestFinished(() => void stream.close());
  await first.ready('1');
  await vi.waitFor(() => {
    expect(stream.isLive(0)).toBe(true);
  });
  await first.end();
  await second.ready('2');
  await vi.waitFor(() => {
    expect(asked.at(-1)).toBe('/api/v1/changes');
  });
  await second.end();
  await vi.waitFor(() => {
    expect(asked.filter((path) => path.endsWith('/stream'))).toHaveLength(3);
  });
  missed.resolve(problem(410, 'cursor_expired'));
  await missed.promise;
  await new Promise(setImmediate);
  expect(stream.isLive(0)).toBe(false);
});
