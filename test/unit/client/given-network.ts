import { vi } from 'vitest';
import { createLatchkey, type Latchkey, type LatchkeyOptions } from '../../../src/client/index.ts';
// The client loads this at the first use, which must not happen while timers are fake.
import '../../../src/client/usage.ts';

/* A network whose answers the test gives, one after another. */

export interface Sent {
  path: string;
  key: string | null;
  body: unknown;
}

/** What happens to a request: a JSON answer, a broken connection, or no answer at all. */
export type Fate = { status?: number; body: object } | 'broken' | 'hangs';

/** The requests that clients sent. */
export const sent: Sent[] = [];

const fates: Fate[] = [];
const clients: Latchkey[] = [];

/** Gives fates to the next requests. Connections of later ones break. */
export function give(...next: readonly Fate[]): void {
  fates.splice(0, Infinity, ...next);
}

/** Begins a test: no request was sent, and timers are fake. */
export function open(): void {
  vi.useFakeTimers();
  sent.length = 0;
  give();
}

/** Ends a test. */
export async function close(): Promise<void> {
  vi.useRealTimers();
  for (const client of clients.splice(0)) await client.close();
}

const network: typeof fetch = (url, { body, headers, signal } = {}) => {
  sent.push({
    path: new URL(url).pathname.replace('/api/v1', ''),
    key: new Headers(headers).get('idempotency-key'),
    body: typeof body === 'string' ? (JSON.parse(body) as unknown) : null,
  });
  const fate = fates.shift() ?? 'broken';
  if (fate === 'broken') return Promise.reject(new TypeError('fetch failed'));
  if (fate === 'hangs') {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
  }
  return Promise.resolve(Response.json(fate.body, { status: fate.status ?? 200 }));
};

export function connect(options: Partial<LatchkeyOptions> = {}): Latchkey {
  const client = createLatchkey({
    ...{ url: 'http://latchkey.test', key: 'key', stream: false, fetch: network },
    ...options,
  });
  clients.push(client);
  return client;
}

/** Waits for a result while the time passes. */
export async function soon<Result>(result: Promise<Result>): Promise<Result> {
  const settled = Promise.allSettled([result]);
  await vi.advanceTimersByTimeAsync(40_000);
  await settled;
  return result;
}

export const counted: Extract<Fate, object> = {
  body: { allowed: true, reason: 'granted', consumed: 3, balance: 7, entry_id: 'ue_1' },
};
/** An error response of the service. */
export const failed = (status: number, code: string): Fate => ({
  status,
  body: { code, detail: code },
});
/** What the client makes of `counted`. */
export const result = {
  allowed: true,
  reason: 'granted',
  consumed: 3,
  balance: 7,
  entryId: 'ue_1',
};
/** The result of a use that was denied in an outage. */
export const denied = {
  ...{ allowed: false, reason: 'unavailable', consumed: 0, balance: null, entryId: null },
  source: 'fallback',
};
