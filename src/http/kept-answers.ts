import type { OutgoingHttpHeaders } from 'node:http';
import type { App } from './app-types.ts';

/** Headers with values that differ between responses. */
const volatileHeaders: ReadonlySet<string> = new Set([
  'x-request-id',
  'connection',
  'content-length',
]);

interface StoredResponse {
  payload: Buffer;
  headers: OutgoingHttpHeaders;
}

/**
 * Caches the first response of each GET route in a scope. Use it for open documents that are slow to render
 * and do not depend on the request.
 */
export function keepAnswers(scope: App): void {
  const kept = new Map<string, StoredResponse>();
  scope.addHook('onRequest', (request, reply, done) => {
    const answer = kept.get(request.routeOptions.url ?? '');
    if (answer === undefined) done();
    else void reply.headers(answer.headers).send(answer.payload);
  });
  scope.addHook('onSend', (request, reply, payload, done) => {
    const { url } = request.routeOptions;
    if (url !== undefined && reply.statusCode === 200 && typeof payload === 'string') {
      const headers = Object.entries(reply.getHeaders());
      kept.set(url, {
        payload: Buffer.from(payload),
        headers: Object.fromEntries(headers.filter(([name]) => !volatileHeaders.has(name))),
      });
    }
    done();
  });
}
