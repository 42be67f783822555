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

/** Notes every request that is routed, when it is over. */
export function installRequestLog(app: App, note: NoteRequest): void {
  app.addHook('onRequest', (request, reply, done) => {
    // No hook of Fastify's for answers is called then, and the slowest requests would be those not seen.
    reply.raw.once('close', () => {
      if (!reply.raw.writableEnded) note(request, reply, clientWent);
    });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    note(request, reply, reply.statusCode);
    done();
  });
}
