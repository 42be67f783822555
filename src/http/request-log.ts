import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../platform/metrics.ts';
import { withoutSecrets } from '../platform/redaction.ts';
import type { App } from './app-types.ts';
import type { ProblemCode } from './problem-table.ts';

/** nginx's status for a request whose client closed the connection first. Only logs and metrics show it. */
const clientWent = 499;

/** How much of a path without a route is logged, characters. */
const maxLoggedPath = 200;

/** Fields that a handler adds to its request's log line. */
export interface LineFields {
  /** The code of the problem that it was answered with. */
  code?: ProblemCode;
  /** The type of the event that a webhook delivered, as Stripe names it. */
  event?: string;
}

const added = new WeakMap<FastifyRequest, LineFields>();

/** Adds fields to the line that is logged once the request is answered. */
export function addToLogLine(request: FastifyRequest, fields: LineFields): void {
  added.set(request, { ...added.get(request), ...fields });
}

/** Notes that a request is over, with the status that it came to. */
export type NoteRequest = (request: FastifyRequest, reply: FastifyReply, status: number) => void;

/** Counts requests and times them, and logs one line of each. */
export function createRequestNote({ requestSeconds }: Metrics): NoteRequest {
  return (request, reply, status) => {
    const route = request.routeOptions.url;
    // Clients choose the method. Without a route it is left out, so that made-up ones add no time series.
    const method = route === undefined ? 'none' : request.method;
    const labels = { route: route ?? 'none', method, status };
    requestSeconds.observe(labels, reply.elapsedTime / 1_000);
    request.log.info(
      {
        ...labels,
        ...(route === undefined ? { asked: askedOf(request) } : {}),
        ...added.get(request),
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request answered',
    );
  };
}

/** Method and path, so that mistyped URLs show up. Leaves out the query, which may hold secrets. */
function askedOf({ method, url }: FastifyRequest): string {
  const [path = ''] = url.split('?');
  return withoutSecrets(`${method} ${decoded(path)}`.slice(0, maxLoggedPath));
}

/** Decodes a path, so that redaction recognizes e-mail addresses; returns it as it is where that fails. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Notes every routed request once, when it ends. */
export function installRequestLog(app: App, note: NoteRequest): void {
  const answered = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', (request, reply, done) => {
    // Fastify calls no hook where the client leaves early, so the slowest requests would be missing.
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
