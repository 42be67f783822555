import type { FastifyInstance } from 'fastify';
import { ZodError } from 'zod';
import { StripeFault } from '../stripe-error.ts';

/** What pages and commands answer where something is refused. */
export function registerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof StripeFault) {
      return reply.status(error.status).send({ error: error.body });
    }
    if (error instanceof ZodError) {
      const issue = error.issues[0];
      const message = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`;
      return reply.status(400).send({ error: { message } });
    }
    // Whatever else fails is a fault of the sandbox itself, told in full: this is a development tool.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return reply.status(500).send({ error: { type: 'api_error', message } });
  });
}
