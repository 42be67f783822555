import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../platform/metrics.ts';
import { withoutSecrets } from '../platform/redaction.ts';
import type { App } from './app-types.ts';
import type { ProblemCode } from './problem-table.ts';

/**
 * nginx's status for a request whose client disconnected before the response. It appears only in logs and
 * metrics.
 */
const clientClosedRequest = 499;

/** Maximum length to log of a path without a route, characters. */
const maxLoggedLength = 200;

/** Fields that a handler adds to its request's log line. */
export interface LineFields {
  /** The code of the problem in the response. */
  code?: ProblemCode;
  /** The Stripe event type that a webhook delivered. */
  event?: string;
}

const added = new WeakMap<FastifyRequest, LineFields>();

/** Adds fields to the line that is logged when the request ends. */
export function addToLogLine(request: FastifyRequest, fields: LineFields): void {
  added.set(request, { ...added.get(request), ...fields });
}

/** Called when a request ends, with its status. */
export type NoteRequest = (request: FastifyRequest, reply: FastifyReply, status: number) => void;

/** Creates a function that measures requests and logs one line for each. */
export function createRequestNote({ requestSeconds }: Metrics): NoteRequest {
  return (request, reply, status) => {
    const route = request.routeOptions.url;
    // Requests without a route have no method label, so that invented methods add no time series.
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
      'request completed',
    );
  };
}

/**
 * Returns the method and path, so that mistyped URLs appear in the log. Omits the query, which may contain
 * secrets.
 */
function askedOf({ method, url }: FastifyRequest): string {
  const [path = ''] = url.split('?');
  return withoutSecrets(`${method} ${decoded(path)}`.slice(0, maxLoggedLength));
}

/**
 * Decodes a path, so that redaction recognizes e-mail addresses. Returns the path unchanged if it cannot be
 * decoded.
 */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Calls `note` once for every routed request, when it ends. */
export function installRequestLog(app: App, note: NoteRequest): void {
  const answered = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', (request, reply, done) => {
    // If the client disconnects early, as clients of slow requests do, Fastify does not call `onResponse`
    // hooks.
    reply.raw.once('close', () => {
      if (!answered.has(request)) note(request, reply, clientClosedRequest);
    });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    answered.add(request);
    note(request, reply, reply.statusCode);
    done();
  });
}
