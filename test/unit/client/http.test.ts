import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLatchkey, type LatchkeyOptions } from '../../../src/client/index.ts';
import { freePort } from '../../../src/dev/ports.ts';

afterEach(() => {
  vi.useRealTimers();
});

function catalog(options: Partial<LatchkeyOptions>): Promise<unknown> {
  const latchkey = createLatchkey({
    ...{ url: 'http://latchkey.test', key: 'key', stream: false },
    ...options,
  });
  return latchkey.catalog();
}

const failing = (error: Error): typeof fetch => vi.fn(() => Promise.reject(error));

describe('a request that gets no answer', () => {
  it('names the address that refused the connection', async () => {
    const port = await freePort();
    await expect(catalog({ url: `http://127.0.0.1:${port}` })).rejects.toThrow(
      `Latchkey could not be reached: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });

  it('names every address of a host that has several', async () => {
    const errors = ['connect ECONNREFUSED ::1:3000', 'connect ECONNREFUSED 127.0.0.1:3000'];
    const cause = new AggregateError(errors.map((text) => new Error(text)));
    await expect(
      catalog({ fetch: failing(new TypeError('fetch failed', { cause })) }),
    ).rejects.toThrow(`Latchkey could not be reached: ${errors.join('; ')}`);
  });

  it('names a connection that broke before the answer', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(catalog({ url: `http://127.0.0.1:${port}` })).rejects.toThrow(
      /^Latchkey could not be reached: (?!fetch failed)./,
    );
    server.close();
  });

  it('names the time limit if that ended it', async () => {
    vi.useFakeTimers();
    const hanging: typeof fetch = (_url, { signal } = {}) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    const refused = expect(catalog({ fetch: hanging, slowTimeoutMs: 2_000 })).rejects.toThrow(
      'Latchkey did not respond within 2000 ms.',
    );
    await vi.advanceTimersByTimeAsync(2_000);
    await refused;
  });
});
