import type { FastifyReply } from 'fastify';

/** Sends serialized JSON unchanged, without validation. */
export function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(text);
}
