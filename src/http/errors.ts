import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import Stripe from 'stripe';
import type { App } from './app-types.ts';
import { type FieldFault, problemBody, type ProblemCode, ProblemError } from './problem.ts';

/** Fastify's own errors, by their codes. */
const fastifyProblems: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
};

/** What Postgres, its driver and Prisma say where the database cannot be reached or does not answer. */
const databaseDown =
  /ECONNREFUSED|ECONNRESET|ENOTFOUND|ETIMEDOUT|EPIPE|timeout exceeded when trying to connect|Query read timeout|Connection terminated|terminating connection|the database system is (starting up|shutting down)|Can't reach database server|Unable to start a transaction|P1001|P1002|P1017|P2028|57P0[123]|53300/;

/** Turns everything that is thrown in a request into a problem; nothing internal leaves the process. */
export function installErrorHandlers(app: App): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    const problem = toProblem(error);
    if (problem.status >= 500) request.log.error({ err: error }, problem.message);
    return sendProblem(request, reply, problem);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new ProblemError('not_found', 'There is no such route.')),
  );
}

/** Answers with a problem, as `application/problem+json`. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: ProblemError,
): FastifyReply {
  if (problem.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  if (problem.status === 503) void reply.header('retry-after', '1');
  return reply
    .code(problem.status)
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemBody(problem, request.id)));
}

/** The problem that an error means. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    return new ProblemError(
      'bad_request',
      `The ${error.validationContext ?? 'request'} is not as documented.`,
      error.validation.flatMap(fieldFaults),
    );
  }
  if (error instanceof Stripe.errors.StripeError) return new ProblemError('stripe_unavailable');
  if (!(error instanceof Error)) return new ProblemError('internal_error');
  const { code = '', statusCode } = error as Partial<FastifyError>;
  const known = fastifyProblems[code];
  if (known !== undefined) return new ProblemError(known);
  if (statusCode === 400) return new ProblemError('bad_request', 'The body is not valid JSON.');
  if (statusCode === 429) return new ProblemError('too_many_requests');
  if (databaseDown.test(`${code} ${error.message}`)) {
    return new ProblemError('not_ready', 'The database cannot be reached. Try again in a moment.');
  }
  return new ProblemError('internal_error');
}

/** One fault per field: zod names all unknown fields of an object in one issue. */
function fieldFaults(fault: {
  instancePath: string;
  message?: string | undefined;
  params: Record<string, unknown>;
}): FieldFault[] {
  const path = fault.instancePath.split('/').filter((part) => part !== '');
  const { keys } = fault.params;
  return Array.isArray(keys)
    ? keys.map((key) => ({ path: [...path, String(key)].join('.'), message: 'is not known' }))
    : [{ path: path.join('.'), message: fault.message ?? 'is not valid' }];
}
