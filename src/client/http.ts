import { LatchkeyError, LatchkeyUnavailable } from './problem.ts';

export interface HttpOptions {
  /** The service's URL, such as `https://latchkey.example.com`. */
  url: string;
  /** An API key. */
  key: string;
  fetch: typeof fetch;
}

interface HttpRequest {
  method?: 'GET' | 'POST' | 'DELETE';
  query?: Record<string, string | number | readonly string[] | undefined>;
  body?: unknown;
  idempotencyKey?: string;
  timeoutMs: number;
}

/** Sends a request under `/api/v1` and resolves with the JSON of the answer, whose type the caller names. */
export type Send = <Answer>(path: string, request: HttpRequest) => Promise<Answer>;

/**
 * Creates the function that sends requests.
 *
 * @throws LatchkeyUnavailable without an answer in time, or with a 429 or 5xx; LatchkeyError for another
 *   refusal.
 */
export function createSend({ url, key, fetch: send }: HttpOptions): Send {
  const base = url.replace(/\/+$/, '');
  return async <Answer>(
    path: string,
    { method = 'GET', query, body, idempotencyKey, timeoutMs }: HttpRequest,
  ): Promise<Answer> => {
    let response: Response;
    try {
      response = await send(`${base}/api/v1${path}${queryText(query)}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.ok) return (await response.json()) as Answer; // as the OpenAPI document says
    } catch (error) {
      throw new LatchkeyUnavailable('Latchkey did not answer in time.', { cause: error });
    }
    const problem = new LatchkeyError(response.status, await response.json().catch(() => null));
    if (response.status === 429 || response.status >= 500) {
      throw new LatchkeyUnavailable(problem.message, { cause: problem });
    }
    throw problem;
  };
}

function queryText(query: HttpRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const each of [value].flat())
      if (each !== undefined) parameters.append(name, String(each));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
