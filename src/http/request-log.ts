import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../platform/metrics.ts';
import type { App } from './app-types.ts';

/** Of a request whose client went before it was answered, as nginx names it. No client sees it. */
const clientWent = 499;

/** Notes that a request is over, with the status that it came to. */
export type NoteRequest = (request: FastifyRequest, reply: FastifyReply, status: number) => void;

/** Counts requests and times them, and logs one line of each. */
export function createRequestNote({ requestSeconds }: Metrics): NoteRequest {
  return (request, reply, status) => {
    const route = request.routeOptions.url;
    // Whoever asks chooses the method, so what leads nowhere has none: it could make up dozens.
    const method = route === undefined ? 'none' : request.method;
    const labels = { route: route ?? 'none', method, status };
    requestSeconds.observe(labels, reply.elapsedTime / 1_000);
    request.log.info(
      { ...labels, ms: Math.round(reply.elapsedTime * 10) / 10 },
      'request answered',
    );
  };
}

/** Notes every request that is routed, once, when it is over. */
export function installRequestLog(app: App, note: NoteRequest): void {
  const answered = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', (request, reply, done) => {
    // Fastify calls no hook for an answer that was not taken off, and the slowest would be those not seen.
    reply.raw.once('close', () => {
      if (!answered.has(request)) note(request, reply, clientWent);
    });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    answered.add(request);
    note(request, reply, reply.statusCode);
    done();
  });
}
