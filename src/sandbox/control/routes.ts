import type { FastifyInstance } from 'fastify';
import { parseForm } from '../http/form.ts';
import { indexPage } from '../pages/index-page.ts';
import type { Sandbox } from '../contract.ts';
import { commands } from './commands.ts';

interface CommandRequest {
  Querystring: { back?: string };
}

/** The commands below `/_sandbox`, and the page that lists them. */
export function registerControl(app: FastifyInstance, sandbox: Sandbox): void {
  app.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(
      indexPage(
        sandbox,
        commands.map(({ method, path, takes, does }) => ({
          usage: `${method} /_sandbox${path}${takes === '' ? '' : ` (${takes})`}`,
          does,
        })),
      ),
    ),
  );
  for (const { method, path, run } of commands) {
    app.route<CommandRequest>({
      method,
      url: `/_sandbox${path}`,
      handler: async (request, reply) => {
        const { body } = request;
        const result = await run(
          sandbox,
          typeof body === 'string' ? parseForm(body) : (body ?? {}),
        );
        // A form on the index page asks to come back to it.
        return request.query.back === undefined ? result : reply.redirect('/', 303);
      },
    });
  }
}
