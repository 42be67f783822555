import { execFile } from 'node:child_process';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Attempt, createSender, type SenderOptions } from '../../src/outbound/send.ts';
import {
  answerWith,
  hang,
  loopback,
  startReceiver,
  type WebhookReceiver,
} from '../helpers/webhook-receiver.ts';
import { systemProgram } from '../setup/system-program.ts';

/* The sender alone, with an injected resolver and a short time limit. */

let receiver: WebhookReceiver;
let port: string;

beforeEach(async () => {
  receiver = await startReceiver();
  ({ port } = new URL(receiver.url));
});
afterEach(() => receiver.close());

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const message = (url: string) => ({ url, id: 'msg_1', body: '{"data":{}}', secrets: [secret] });

function send(url: string, options: Partial<SenderOptions> = {}): Promise<Attempt | undefined> {
  const sender = createSender({
    ...{ clock: Date.now, monotonic: () => performance.now(), allowedNetworks: loopback },
    ...options,
  });
  return sender.send(message(url), new AbortController().signal);
}

/** Returns a key and a certificate that no authority signed. */
async function selfSigned(): Promise<{ key: string; cert: string }> {
  const { stdout } = await promisify(execFile)(systemProgram('openssl'), [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-keyout', '-', '-out', '-'],
  ]);
  return { key: stdout, cert: stdout };
}

const servers = new Set<{ close(): unknown }>();
afterEach(() => {
  for (const each of servers) each.close();
  servers.clear();
});

/** Listens on a free port until the test ends; returns the port. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.add({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return (server.address() as AddressInfo).port;
}

describe('an address that only an attempt shows', () => {
  it('is refused, whatever the name says', async () => {
    for (const address of [
      '10.0.0.1',
      '169.254.169.254',
      '::1',
      '::ffff:127.0.0.1',
      '64:ff9b::a00:1',
    ]) {
      const resolve = () => Promise.resolve([address]);
      expect(
        await send('https://app.example.com/', { allowedNetworks: [], resolve }),
      ).toMatchObject({
        status: null,
        error: 'address_not_allowed',
      });
    }
  });

  it('is refused if an endpoint names it by itself, as after a network is no longer allowed', async () => {
    for (const url of [
      receiver.url,
      'https://127.0.0.1/',
      'https://[::1]/',
      'https://localhost/',
    ]) {
      expect(await send(url, { allowedNetworks: [] })).toMatchObject({
        error: 'address_not_allowed',
      });
    }
    expect(receiver.received).toEqual([]);
  });

  it('is never reached beside a public one: only checked addresses are connected to', async () => {
    const resolve = () => Promise.resolve(['10.0.0.1', '127.0.0.1', '192.168.0.1']);
    expect(await send(`http://app.example.com:${port}/`, { resolve })).toMatchObject({
      status: 200,
    });
  });

  it('is not reached by a second answer of the name: it is resolved once per connection', async () => {
    const answers: string[][] = [];
    // Public first: a documentation network, as allowed as a public address, which nothing answers at.
    const resolve = () => {
      const answer = answers.length === 0 ? ['192.0.2.1'] : ['127.0.0.1'];
      answers.push(answer);
      return Promise.resolve(answer);
    };
    const first = await send(`http://rebound.example.com:${port}/`, {
      ...{ resolve, allowedNetworks: ['192.0.2.0/24'], timeoutMs: 300 },
    });
    expect(first?.error).toMatch(/timeout|connection_failed/);
    expect(answers).toHaveLength(1);
    const second = await send(`http://rebound.example.com:${port}/`, {
      ...{ resolve, allowedNetworks: ['192.0.2.0/24'] },
    });
    expect(second).toMatchObject({ error: 'address_not_allowed' });
    expect(receiver.received).toEqual([]);
  });

  it('is not reached by a redirect', async () => {
    const inner = await startReceiver();
    receiver.answer = answerWith(302, { location: inner.url });
    expect(await send(receiver.url)).toMatchObject({ status: 302, error: 'redirect_not_followed' });
    expect(inner.received).toEqual([]);
    await inner.close();
  });

  it('gets http in an allowed network alone', async () => {
    const resolve = () => Promise.resolve(['8.8.8.8']);
    expect(await send('http://app.example.com/', { resolve })).toMatchObject({
      error: 'address_not_allowed',
    });
  });
});

describe('a name', () => {
  it('without addresses is `name_not_resolved`', async () => {
    expect(
      await send('https://app.example.com/', { resolve: () => Promise.resolve([]) }),
    ).toMatchObject({ status: null, error: 'name_not_resolved' });
  });

  it('whose resolution never ends is a time-out', async () => {
    const resolve = () => new Promise<string[]>(() => undefined);
    expect(await send('https://app.example.com/', { resolve, timeoutMs: 100 })).toMatchObject({
      error: 'timeout',
    });
  });
});

describe('a receiver', () => {
  it('that sends no headers in time is a time-out', async () => {
    receiver.answer = hang;
    expect(await send(receiver.url, { timeoutMs: 100 })).toMatchObject({
      status: null,
      error: 'timeout',
      response: null,
    });
  });

  it('that only accepts the connection is a time-out', async () => {
    const url = `http://127.0.0.1:${await listen(createServer())}/`;
    expect(await send(url, { timeoutMs: 100 })).toMatchObject({ error: 'timeout' });
  });

  it('whose body trickles has answered: the attempt ends with its status at the time limit', async () => {
    let closed: Promise<void> | undefined;
    receiver.answer = (response) => {
      response.writeHead(200);
      const trickling = setInterval(() => response.write('.'), 10);
      closed = new Promise((resolve) => {
        response.once('close', () => {
          clearInterval(trickling);
          resolve();
        });
      });
    };
    const attempt = await send(receiver.url, { timeoutMs: 300 });
    expect(attempt).toMatchObject({ status: 200, error: null });
    expect(attempt?.response).toMatch(/^\.+$/);
    await closed;
  });

  it('whose body never ends is read up to 4 kB, and its connection is closed', async () => {
    let written = 0;
    let closed: Promise<void> | undefined;
    receiver.answer = (response) => {
      response.writeHead(500);
      closed = new Promise((resolve) => {
        response.once('close', resolve);
      });
      const write = (): void => {
        while (!response.destroyed && written < 50_000_000) {
          written += 65_536;
          if (!response.write('x'.repeat(65_536))) {
            response.once('drain', write);
            return;
          }
        }
      };
      write();
    };
    const attempt = await send(receiver.url);
    expect(attempt).toMatchObject({
      status: 500,
      error: 'status_not_2xx',
      response: 'x'.repeat(1_024),
    });
    await closed;
    expect(written).toBeLessThan(50_000_000);
  });

  it('that closes or resets the connection fails', async () => {
    for (const end of ['destroy', 'resetAndDestroy'] as const) {
      receiver.answer = (response) => {
        response.socket?.[end]();
      };
      expect(await send(receiver.url)).toMatchObject({ status: null, error: 'connection_failed' });
    }
  });

  it('that answers something other than HTTP fails', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
    expect(await send(`http://127.0.0.1:${await listen(server)}/`)).toMatchObject({
      error: 'connection_failed',
    });
  });

  it('that refuses the connection fails', async () => {
    expect(await send('http://127.0.0.1:9/')).toMatchObject({ error: 'connection_failed' });
  });

  it('whose certificate is not valid fails with `tls_failed`', async () => {
    const server = createTlsServer(await selfSigned(), (_request, response) => response.end());
    expect(await send(`https://localhost:${await listen(server)}/`)).toMatchObject({
      error: 'tls_failed',
    });
  });

  it('that does not speak TLS fails with `tls_failed`', async () => {
    expect(await send(`https://127.0.0.1:${port}/`)).toMatchObject({ error: 'tls_failed' });
  });

  it('can ask to wait', async () => {
    const now = Date.parse('2026-11-30T00:00:00.000Z');
    for (const [header, wait] of [
      ['120', 120_000],
      ['Mon, 30 Nov 2026 00:01:00 GMT', 60_000],
      ['nonsense', null],
    ] as const) {
      receiver.answer = answerWith(503, { 'retry-after': header });
      expect(await send(receiver.url, { clock: () => now })).toMatchObject({ retryAfterMs: wait });
    }
  });
});

describe('a process that stops', () => {
  it('aborts a running attempt, and begins none', async () => {
    receiver.answer = hang;
    const sender = createSender({
      ...{ clock: Date.now, monotonic: () => performance.now(), allowedNetworks: loopback },
    });
    const stopped = new AbortController();
    const running = sender.send(message(receiver.url), stopped.signal);
    await receiver.until(1);
    stopped.abort();
    expect(await running).toBeUndefined();
    expect(await sender.send(message(receiver.url), stopped.signal)).toBeUndefined();
    expect(receiver.received).toHaveLength(1);
  });
});
