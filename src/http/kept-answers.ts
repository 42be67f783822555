import type { OutgoingHttpHeaders } from 'node:http';
import type { App } from './app-types.ts';

/** Headers that belong to one response only. */
const ofOneAnswer: ReadonlySet<string> = new Set(['x-request-id', 'connection', 'content-length']);

interface Kept {
  payload: Buffer;
  headers: OutgoingHttpHeaders;
}

/**
 * Makes each GET route of a scope repeat its first response without calling the handler. Meant for documents
 * that do not depend on the request, are slow to render, and are open to everyone.
 */
export function keepAnswers(scope: App): void {
  const kept = new Map<string, Kept>();
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
        headers: Object.fromEntries(headers.filter(([name]) => !ofOneAnswer.has(name))),
      });
    }
    done();
  });
}
