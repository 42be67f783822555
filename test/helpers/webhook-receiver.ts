import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { vi } from 'vitest';

/** The networks that webhooks may reach where receivers of tests listen. */
export const loopback = ['127.0.0.0/8'];

/** A message as an app received it. */
export interface ReceivedMessage {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  body: { type: string; timestamp: string; data: Record<string, unknown> };
}

/** Answers a message; by default with a 200. */
export type Answer = (response: ServerResponse, message: ReceivedMessage) => void;

export interface WebhookReceiver {
  url: string;
  received: ReceivedMessage[];
  /** Answers from now on. */
  answer: Answer;
  /** The number of requests that are not answered yet, now and at most. */
  open: { now: number; most: number };
  /** Ends all connections without an answer. */
  reset(): void;
  /** Resolves when the receiver has got this many messages in all. */
  until(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Answers with a status and headers. */
export const answerWith =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** Never answers. */
export const hang: Answer = () => undefined;

/** Starts an app's server for webhooks on a free port of the loopback interface. */
export async function startReceiver(): Promise<WebhookReceiver> {
  const waiting: { count: number; resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    receiver.open.now += 1;
    receiver.open.most = Math.max(receiver.open.most, receiver.open.now);
    response.once('close', () => {
      receiver.open.now -= 1;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const message: ReceivedMessage = {
        path: request.url ?? '',
        headers: request.headers,
        text: body,
        body: JSON.parse(body) as ReceivedMessage['body'],
      };
      receiver.received.push(message);
      for (const wait of waiting) if (receiver.received.length >= wait.count) wait.resolve();
      receiver.answer(response, message);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${port}`,
    received: [],
    answer: answerWith(200),
    open: { now: 0, most: 0 },
    reset: () => {
      server.closeAllConnections();
    },
    until: (count) =>
      new Promise((resolve) => {
        if (receiver.received.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return receiver;
}

/**
 * Verifies a message with the public package for a secret.
 *
 * @param now the clock by which its timestamp must be fresh, epoch milliseconds.
 */
export function verifies({ headers, text }: ReceivedMessage, secret: string, now: number): boolean {
  vi.useFakeTimers({ now, toFake: ['Date'] });
  try {
    new Webhook(secret).verify(text, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  } finally {
    vi.useRealTimers();
  }
}
