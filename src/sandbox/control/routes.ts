import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { authorize, isSame } from '../http/authorize.ts';
import { parseForm } from '../http/form.ts';
import { indexPage } from '../pages/index-page.ts';
import { isJsonObject } from '../wire.ts';
import type { Sandbox } from '../contract.ts';
import { commands } from './commands.ts';

interface CommandRequest {
  Querystring: { back?: string };
}

/**
 * Serves the commands below `/_sandbox` to clients with the secret key, and a page that lists them. The
 * page's form advances the clock with a CSRF token instead of the key: other sites can submit the form, but
 * cannot read the token.
 */
export function registerControl(app: FastifyInstance, sandbox: Sandbox, secretKey: string): void {
  const token = randomBytes(16).toString('hex');
  app.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(
      indexPage(
        sandbox,
        token,
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
        const { token: given, ...input } = inputOf(request);
        const isForm = path === '/clock/advance' && typeof given === 'string';
        if (!isForm || !isSame(given, token)) authorize(request, secretKey);
        const result = await run(sandbox, input);
        // The form on the index page requests a redirect back to it.
        return request.query.back === undefined ? result : reply.redirect('/', 303);
      },
    });
  }
}

function inputOf({ body }: Pick<FastifyRequest, 'body'>): Record<string, unknown> {
  if (typeof body === 'string') return { ...parseForm(body) };
  return isJsonObject(body) ? body : {};
}
