import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { requireFeature } from '../client/fastify.ts';
import { type Latchkey, LatchkeyError } from '../client/index.ts';
import {
  homePage,
  messagePage,
  noCreditsPage,
  summaryPage,
  thanksPage,
} from './quickstart-pages.ts';

/** The features of the demo project, as `npx latchkey types` writes them. */
export interface Features {
  export: 'boolean';
  notebooks: 'limit';
  seats: 'limit';
  theme: 'config';
  credits: 'metered';
}

/**
 * Creates the quickstart app (docs/quickstart.md), which sells the demo project's catalog, gates a route, counts
 * credits and opens the portal.
 *
 * @param ownUrl the app's own URL, to which the checkout and the portal return.
 */
export function createQuickstart(latchkey: Latchkey<Features>, ownUrl: string): FastifyInstance {
  const app = fastify({ forceCloseConnections: true });
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body: string, done) => {
      done(null, Object.fromEntries(new URLSearchParams(body)));
    },
  );
  const page = 'text/html; charset=utf-8';

  app.get('/', async (request, reply) => {
    const user = userOf(request);
    const [catalog, { entitlements }, usage] = await Promise.all([
      latchkey.catalog(),
      latchkey.entitlements(user),
      latchkey.usage(user, { feature: 'credits' }),
    ]);
    return reply.type(page).send(homePage(user, catalog, entitlements, usage));
  });

  // Sell: send the buyer to Stripe's page.
  app.post<{ Body: { price: string } }>('/buy', async (request, reply) => {
    const { url } = await latchkey.checkout({
      userId: userOf(request),
      priceId: request.body.price,
      successUrl: `${ownUrl}/thanks?session_id={CHECKOUT_SESSION_ID}`,
      cancelUrl: ownUrl,
    });
    return reply.redirect(url, 303);
  });

  // The buyer returns: the purchase is already in effect.
  app.get<{ Querystring: { session_id: string } }>('/thanks', async (request, reply) => {
    const { entitlements } = await latchkey.checkoutSession(request.query.session_id);
    const { features } = await latchkey.catalog();
    return reply.type(page).send(thanksPage(features, entitlements ?? []));
  });

  // Gate a route: users without the feature get a 402.
  const paid = requireFeature(latchkey, 'export', { user: userOf });
  app.get('/export', { preHandler: paid }, async (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send('Your notebooks, exported.\n'),
  );

  // Count usage: each summary takes three credits.
  app.post('/summary', async (request, reply) => {
    const { allowed, balance } = await latchkey.consume(userOf(request), 'credits', 3);
    if (!allowed) return reply.code(402).type(page).send(noCreditsPage(balance));
    return reply.type(page).send(summaryPage(balance));
  });

  // The customer changes or cancels in Stripe's portal.
  app.post('/portal', async (request, reply) => {
    const { url } = await latchkey.portal({ userId: userOf(request), returnUrl: ownUrl });
    return reply.redirect(url, 303);
  });

  // Sign in. A real app has accounts; Latchkey only needs their ids.
  app.post<{ Body: { user: string } }>('/sign-in', async (request, reply) => {
    const user = encodeURIComponent(request.body.user);
    return reply
      .header('set-cookie', `user=${user}; Path=/; HttpOnly; SameSite=Lax`)
      .redirect('/', 303);
  });

  app.setErrorHandler((error, _request, reply) => {
    const [status, message] =
      error instanceof LatchkeyError ? [error.status, error.message] : [500, 'Something failed.'];
    return reply.code(status).type(page).send(messagePage(message));
  });

  return app;
}

/** Returns the id of the request's user. */
function userOf({ headers }: FastifyRequest): string {
  const [, user = 'ann'] = /(?:^|; )user=([^;]+)/.exec(headers.cookie ?? '') ?? [];
  return decodeURIComponent(user);
}
