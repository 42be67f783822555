import type { FastifyInstance } from 'fastify';
import { ZodError } from 'zod';
import { StripeFault } from '../stripe-error.ts';

/** Installs the error handler for pages and control commands. */
export function registerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof StripeFault) {
      return reply.status(error.status).send({ error: error.body });
    }
    if (error instanceof ZodError) {
      const issue = error.issues[0];
      const message = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid value'}`;
      return reply.status(400).send({ error: { message } });
    }
    // Reports Fastify's own errors, such as an empty body with a JSON content type.
    if (error instanceof Error && 'statusCode' in error && isClients(error.statusCode)) {
      const { message } = error;
      return reply
        .status(error.statusCode)
        .send({ error: { type: 'invalid_request_error', message } });
    }
    // Any other failure is a bug in the sandbox. It is reported with its stack, because this is a development
    // tool.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return reply.status(500).send({ error: { type: 'api_error', message } });
  });
}

function isClients(status: unknown): status is number {
  return typeof status === 'number' && status >= 400 && status < 500;
}
