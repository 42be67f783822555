import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { adminKey, type TestService } from '../helpers/service.ts';
import { useServices } from '../helpers/services.ts';

/** How long a state is waited for, on a busy machine. */
const patience = { timeout: 20_000 };

const start = useServices();

describe('a request that trickles in', () => {
  it('is cut off after half a minute, its headers after a third of that', async () => {
    const { server } = (await start({})).app;
    expect([server.requestTimeout, server.headersTimeout]).toEqual([30_000, 10_000]);
  });

  it('is cut off within a second of that, however steadily it trickles', async () => {
    const service = await start({});
    const url = new URL(await service.listen());
    // A hundredth of it, to keep the test short.
    service.app.server.requestTimeout /= 100;
    service.app.server.headersTimeout /= 100;
    const socket = connect(Number(url.port), url.hostname);
    const trickle = setInterval(() => socket.write(' '), 50);
    try {
      socket.write(
        'POST /api/v1/admin/projects HTTP/1.1\r\nHost: test\r\n' +
          `Authorization: Bearer ${adminKey}\r\n` +
          'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      );
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
    } finally {
      clearInterval(trickle);
      socket.destroy();
    }
  });
});

describe('an answer that the client does not read', () => {
  const script = 'GET /docs/js/scalar.js HTTP/1.1\r\nHost: test\r\n\r\n';

  function connectionsOf({ app }: TestService): Promise<number> {
    return new Promise((resolve, reject) => {
      app.server.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }

  /** Only once a request has come: until then a busy machine may take longer. */
  function shortenStandstill({ app }: TestService): void {
    app.server.on('request', ({ socket }) => socket.setTimeout(50));
  }

  it('is given up after half a minute without progress', async () => {
    const { server } = (await start({})).app;
    expect(server.timeout).toBe(30_000);
  });

  it('ends with its connection, and is noted as one whose client went', async () => {
    const lines: string[] = [];
    const log = { write: (line: string) => void lines.push(line) };
    const service = await start({ log });
    const url = new URL(await service.listen());
    shortenStandstill(service);
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => undefined);
    try {
      await once(socket, 'connect');
      socket.pause();
      // More than what the kernel keeps for a reader, on either side.
      socket.write(script.repeat(20));
      await vi.waitFor(async () => {
        expect(await connectionsOf(service)).toBe(1);
      }, patience);
      await vi.waitFor(async () => {
        expect(await connectionsOf(service)).toBe(0);
      }, patience);
      await vi.waitFor(() => {
        expect(lines.join('')).toContain('"status":499');
      }, patience);
    } finally {
      socket.destroy();
    }
  });

  it('is not one that is still being made: its connection stays, however long that takes', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const url = new URL(await service.listen());
    shortenStandstill(service);
    let standstills = 0;
    service.app.server.on('request', ({ socket }) => {
      socket.on('timeout', () => (standstills += 1));
    });
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const { pool } = service.deps.database;
    const ask = pool.query.bind(pool) as (...request: unknown[]) => unknown;
    const query = vi
      .spyOn(pool, 'query')
      // `never`: the spy is typed after the callback forms, which nothing here uses.
      .mockImplementation((...request: unknown[]) => held.then(() => ask(...request)) as never);
    const answer = fetch(new URL('/api/v1/entitlements?user_id=u_1', url), {
      headers: { authorization: `Bearer ${key}` },
    });
    await vi.waitFor(() => {
      expect(standstills).toBeGreaterThan(2);
    }, patience);
    goOn();
    expect((await answer).status).toBe(200);
    query.mockRestore();
  });
});
