import type { FastifyReply } from 'fastify';

/** Sends finished JSON as it is: it is neither checked nor written again. */
export function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(text);
}
