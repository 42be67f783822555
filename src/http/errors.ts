import type { FastifyReply, FastifyRequest } from 'fastify';
import Stripe from 'stripe';
import type { Clock } from '../platform/clock.ts';
import { isTimeout, isUnreachable, errorText } from '../platform/database.ts';
import { createLogThrottle } from '../platform/log-throttle.ts';
import { ImplausibleAnswer } from '../platform/stripe-lists.ts';
import type { App } from './app-types.ts';
import { notSentAsJson } from './json-body.ts';
import type { ProblemCode } from './problem-table.ts';
import { problemBody, ProblemError } from './problem.ts';
import { addToLogLine } from './request-log.ts';
import { createRouteList } from './unrouted.ts';

/** The problem code for each HTTP status of an error from Fastify or @fastify/sensible. */
const statusProblems: Readonly<Record<number, ProblemCode>> = {
  400: 'bad_request',
  401: 'unauthorized',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
};

/** Our own messages for Fastify's errors. */
const fastifyDetails: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: 'The path is not valid.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH:
    'The length of the body differs from the `Content-Length` header.',
};

/**
 * Matches the errors for strings that are valid in JSON but not in Postgres: with U+0000, or with unpaired
 * surrogates in jsonb, which Prisma reports as invalid JSON.
 */
const notStorable =
  /\b(?:22021|22P05)\b|invalid byte sequence for encoding|unsupported Unicode escape|Unicode (?:high|low) surrogate|invalid input syntax for type json/;

/** Minimum interval between log lines about 503 responses, milliseconds. */
const outageLineEveryMs = 1_000;

/** Installs the handlers that respond to every error with a problem and reveal no internal details. */
export function installErrorHandlers(app: App, monotonic: Clock): void {
  const outages = createLogThrottle(outageLineEveryMs);

  /** Logs a server error. Shed requests appear only in metrics, because there are too many of them to log. */
  function logProblem({ log }: FastifyRequest, error: unknown, problem: ProblemError): void {
    if (problem.status < 500) return;
    if (error instanceof ProblemError && problem.code === 'overloaded') return;
    if (problem.status !== 503) {
      log.error({ err: error }, problem.message);
      return;
    }
    const suppressed = outages.next(monotonic());
    if (suppressed !== null) log.error({ err: error, suppressed }, problem.message);
  }

  app.setErrorHandler((error: unknown, request, reply) => {
    const problem = toProblem(error, request);
    logProblem(request, error, problem);
    return sendProblem(request, reply, problem);
  });
  const routes = createRouteList();
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.add(each, url);
  });
  app.setNotFoundHandler((request, reply) => {
    const { allow, problem } = routes.explain(request.method, request.url);
    if (allow.length > 0) void reply.header('allow', allow.join(', '));
    return sendProblem(request, reply, problem);
  });
}

/** Responds with a problem, as `application/problem+json`. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: ProblemError,
): FastifyReply {
  addToLogLine(request, { code: problem.code });
  // For errors before routing, no hook sets this header.
  void reply.header('x-request-id', request.id);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
  if (problem.status === 429 || problem.status === 503) {
    void reply.header('retry-after', problem.retryAfterSeconds ?? 1);
  }
  const more = request.routeOptions.config.problemShape?.fieldsOf(problem, request);
  return reply
    .code(problem.status)
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify({ ...more, ...problemBody(problem, request.id) }));
}

/** Returns the problem to respond with for an error that a request threw. */
export function toProblem(error: unknown, request?: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof Stripe.errors.StripeError || error instanceof ImplausibleAnswer) {
    return new ProblemError('stripe_unavailable');
  }
  if (!(error instanceof Error)) return new ProblemError('internal_error');
  return (
    httpProblem(error, request) ?? databaseProblem(error) ?? new ProblemError('internal_error')
  );
}

/** Returns the problem for an error with a 4xx status; null for others. */
function httpProblem(error: Error, request: FastifyRequest | undefined): ProblemError | null {
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status > 499) return null;
  const code = statusProblems[status] ?? 'bad_request';
  if ('expose' in error && error.expose === true) return new ProblemError(code, error.message);
  if (code === 'unsupported_media_type') return notSentAsJson(request?.headers['content-type']);
  if (code === 'payload_too_large') return bodyTooLarge(request);
  return new ProblemError(code, fastifyDetails[codeOf(error)]);
}

function bodyTooLarge(request: FastifyRequest | undefined): ProblemError {
  const maxBytes = request?.routeOptions.bodyLimit;
  return new ProblemError(
    'payload_too_large',
    maxBytes === undefined
      ? undefined
      : `The body must have at most ${maxBytes.toLocaleString('en')} bytes. Split the request.`,
  );
}

function databaseProblem(error: Error): ProblemError | null {
  if (isUnreachable(error)) {
    return new ProblemError('not_ready', 'The database cannot be reached. Retry in a moment.');
  }
  if (isTimeout(error)) {
    return new ProblemError(
      'overloaded',
      'The request took too long in the database. Retry later, or send a smaller request.',
    );
  }
  return notStorable.test(errorText(error))
    ? new ProblemError(
        'bad_request',
        'A text field contains U+0000 or an unpaired surrogate, which cannot be stored. Remove it.',
      )
    : null;
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
