import { LatchkeyError, LatchkeyUnavailable } from './problem.ts';
import { unref } from './timer.ts';

export interface HttpOptions {
  /** The service's URL, such as `https://latchkey.example.com`. */
  url: string;
  /** An API key. */
  key: string;
  fetch: typeof fetch;
}

interface HttpRequest {
  method?: 'GET' | 'POST';
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  idempotencyKey?: string | undefined;
  timeoutMs: number;
  /** Whether the request only reads. If so, it is sent a second time after a broken connection. */
  isRead?: boolean;
}

/** Sends a request under `/api/v1` and resolves with the JSON of the response, whose type the caller names. */
export type Send = <Answer>(path: string, request: HttpRequest) => Promise<Answer>;

/** Returns the URL of a path under `/api/v1`. */
export function urlOf(url: string, path: string): string {
  return `${url.replace(/\/+$/, '')}/api/v1${path}`;
}

/**
 * Creates the function that sends requests.
 *
 * @throws LatchkeyUnavailable if Latchkey cannot be reached, does not respond in time, or responds with 429 or
 *   5xx, and for an error response without a code of Latchkey; LatchkeyError for all other error responses.
 */
export function createSend({ url, key, fetch: send }: HttpOptions): Send {
  async function sendOnce<Answer>(
    path: string,
    { method = 'GET', query, body, idempotencyKey }: HttpRequest,
    signal: AbortSignal,
  ): Promise<Answer> {
    const response = await send(`${urlOf(url, path)}${queryText(query)}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    });
    if (response.ok) return (await response.json()) as Answer; // as the OpenAPI document says
    const problem = new LatchkeyError(response.status, await response.json().catch(() => null));
    // A proxy in between also responds with errors, but without Latchkey's codes.
    const isOwn = problem.code !== 'unknown';
    if (response.status === 429 || response.status >= 500 || !isOwn) {
      throw new LatchkeyUnavailable(problem.message, { cause: problem });
    }
    throw problem;
  }

  async function sendRead<Answer>(
    path: string,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<Answer> {
    for (let triesLeft = request.isRead === true ? 2 : 1; ; triesLeft -= 1) {
      try {
        return await sendOnce(path, request, signal);
      } catch (error) {
        if (error instanceof LatchkeyError || error instanceof LatchkeyUnavailable) throw error;
        if (triesLeft > 1 && !signal.aborted) continue;
        throw new LatchkeyUnavailable(
          signal.aborted
            ? `Latchkey did not respond within ${request.timeoutMs} ms.`
            : `Latchkey could not be reached: ${reasonOf(error)}`,
          { cause: error },
        );
      }
    }
  }

  return async (path, request) => {
    const ended = new AbortController();
    const { signal } = ended;
    const timer = setTimeout(() => {
      ended.abort(new Error(`No response within ${request.timeoutMs} ms.`));
    }, request.timeoutMs);
    unref(timer);
    try {
      return await sendRead(path, request, signal);
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * Returns the text of the error behind the errors that wrap it: "connect ECONNREFUSED 127.0.0.1:3000", not
 * "fetch failed". A host with several addresses fails with one error per address.
 */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

function queryText(query: HttpRequest['query']): string {
  const given = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
