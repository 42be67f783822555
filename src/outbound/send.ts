import { Webhook } from 'standardwebhooks';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../platform/clock.ts';
import { AddressNotAllowed, createConnect, NameNotResolved, type Resolve } from './connect.ts';
import { parseRetryAfter } from './core/retry-schedule.ts';

/** Time limit of an attempt, milliseconds. */
export const attemptTimeoutMs = 15_000;

/** Time after which an idle connection is closed, milliseconds. */
const keepAliveMs = 4_000;

/** Maximum number of bytes that are read of a response. */
const maxReadBytes = 4_096;

/** Maximum number of bytes that are stored of a response. */
const maxStoredBytes = 1_024;

/** Why an attempt failed. */
type SendError =
  | 'address_not_allowed'
  | 'name_not_resolved'
  | 'connection_failed'
  | 'tls_failed'
  | 'timeout'
  | 'redirect_not_followed'
  | 'status_not_2xx';

/** The result of an attempt. */
export interface Attempt {
  /** When it began, epoch milliseconds. */
  at: number;
  durationMs: number;
  /** The HTTP status; null if there was no response. */
  status: number | null;
  error: SendError | null;
  /** The start of the response; null if there was no response. */
  response: string | null;
  retryAfterMs: number | null;
}

interface SignedMessage {
  url: string;
  /** The header `webhook-id`. */
  id: string;
  body: string;
  /** The secrets that sign, each with a signature of its own. */
  secrets: readonly string[];
}

export interface SenderOptions {
  clock: Clock;
  monotonic: Clock;
  /** Internal networks to which webhooks may be sent, also over http. In CIDR notation. */
  allowedNetworks: readonly string[];
  /** Resolves a name to addresses; by default with DNS, without the hosts file. */
  resolve?: Resolve;
  /** Time limit of an attempt; 15 s by default. */
  timeoutMs?: number;
}

export interface Sender {
  /** Sends a message once. Never throws: failures are in the result, which is undefined after an abort. */
  send(message: SignedMessage, signal: AbortSignal): Promise<Attempt | undefined>;
}

/**
 * Creates a sender that reaches public addresses and the allowed networks only. A name is resolved once per
 * connection, and the connection goes to an address that was checked, so that a second DNS answer cannot
 * redirect it. Redirects are not followed.
 */
export function createSender(options: SenderOptions): Sender {
  const { clock, monotonic, allowedNetworks, timeoutMs = attemptTimeoutMs } = options;
  const agent = new Agent({
    connect: createConnect(allowedNetworks, options),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    // HTTP/1.1 without pipelining, so a slow response does not delay other messages.
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    // Ignores the receiver's `Keep-Alive`, so that few connections are idle.
    keepAliveMaxTimeout: keepAliveMs,
  });

  async function exchange(message: SignedMessage, at: number, signal: AbortSignal) {
    const { url, id, body, secrets } = message;
    const target = new URL(url);
    const response = await agent.request({
      origin: target.origin,
      path: `${target.pathname}${target.search}`,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Latchkey-Webhooks/1',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at / 1_000)),
        'webhook-signature': signaturesOf(id, at, body, secrets),
      },
      body,
      signal,
    });
    const text = await readStart(response.body).catch(() => '');
    const retryAfter = response.headers['retry-after'];
    return {
      status: response.statusCode,
      response: text,
      retryAfterMs: parseRetryAfter(typeof retryAfter === 'string' ? retryAfter : undefined, at),
    };
  }

  return {
    async send(message, stopped) {
      const at = Math.floor(clock());
      const begunAt = monotonic();
      const durationMs = (): number => Math.round(monotonic() - begunAt);
      const ended = new AbortController();
      const end = (): void => {
        ended.abort();
      };
      const timer = setTimeout(end, timeoutMs);
      stopped.addEventListener('abort', end);
      try {
        stopped.throwIfAborted();
        const answer = await exchange(message, at, ended.signal);
        return { at, durationMs: durationMs(), ...answer, error: errorOfStatus(answer.status) };
      } catch (error) {
        if (stopped.aborted) return undefined;
        return {
          ...{ at, durationMs: durationMs(), status: null, response: null, retryAfterMs: null },
          error: ended.signal.aborted ? 'timeout' : errorOf(error),
        };
      } finally {
        clearTimeout(timer);
        stopped.removeEventListener('abort', end);
      }
    },
  };
}

/** Returns the header `webhook-signature`, with a signature per secret. */
function signaturesOf(id: string, at: number, body: string, secrets: readonly string[]): string {
  return secrets.map((secret) => new Webhook(secret).sign(id, new Date(at), body)).join(' ');
}

/** Reads the start of a response and drops the rest. */
async function readStart(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // undici types chunks as `any`; its bodies are byte streams.
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= maxReadBytes) break;
    }
  } catch (error) {
    if (size === 0) throw error;
  }
  const text = Buffer.concat(chunks).subarray(0, maxStoredBytes).toString('utf8');
  // Postgres' JSON cannot store U+0000.
  return text.replaceAll('\0', '\uFFFD');
}

function errorOfStatus(status: number): SendError | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect_not_followed' : 'status_not_2xx';
}

function errorOf(error: unknown): SendError {
  if (error instanceof AddressNotAllowed) return 'address_not_allowed';
  if (error instanceof NameNotResolved) return 'name_not_resolved';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.includes('TIMEOUT') || code === 'ETIMEDOUT') return 'timeout';
  return /CERT|TLS|SSL|EPROTO|ALTNAME|SIGNATURE|ISSUER/.test(code)
    ? 'tls_failed'
    : 'connection_failed';
}
