import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { collect } from '../billing/collection.ts';
import { changeItems } from '../billing/plan-change.ts';
import { cancelSubscription } from '../billing/subscription-change.ts';
import { periodEndOf, scheduleEnd } from '../billing/subscription-end.ts';
import { cards, paySession } from '../checkout/session-payment.ts';
import { parseForm } from '../http/form.ts';
import { readParams, text } from '../http/params.ts';
import { isWebAddress } from '../http/web-address.ts';
import type { CheckoutSession, PortalSession } from '../state/tables.ts';
import { need, type World } from '../state/world.ts';
import { missing } from '../stripe-error.ts';
import { checkoutPage } from './checkout-page.ts';
import { invoicePage } from './invoice-page.ts';
import { customersPage } from './customers-page.ts';
import { portalPage } from './portal-page.ts';

const checkoutForm = z.strictObject({
  card: z.enum([...cards, 'close']),
  email: text.optional(),
});

const portalForm = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('cancel_now'), subscription: text }),
  z.strictObject({ action: z.literal('cancel_at_period_end'), subscription: text }),
  z.strictObject({ action: z.literal('keep'), subscription: text }),
  z.strictObject({
    action: z.literal('change_plan'),
    subscription: text,
    item: text,
    price: text,
  }),
]);

interface Page {
  Params: { id: string };
  Querystring: { declined?: string };
}

/** Serves the hosted checkout, the billing portal and a list of customers. */
export function registerPages(
  app: FastifyInstance,
  world: World,
  act: <T>(work: () => T) => Promise<T>,
): void {
  const sessionOf = (id: string) => need(world.tables.sessions, 'checkout.session', id);
  const portalOf = (id: string) => need(world.tables.portalSessions, 'portal session', id);

  app.get('/customers', (_request, reply) => act(() => sendPage(reply, customersPage(world))));
  app.get<Page>('/c/pay/:id', (request, reply) =>
    act(() => {
      const declined = request.query.declined !== undefined;
      return sendPage(reply, checkoutPage(world, sessionOf(request.params.id), declined));
    }),
  );
  app.post<Page>('/c/pay/:id', (request, reply) =>
    act(() =>
      reply.redirect(submitCheckout(world, sessionOf(request.params.id), request.body), 303),
    ),
  );
  const invoiceOf = (id: string) => need(world.tables.invoices, 'invoice', id);
  app.get<Page>('/i/:id', (request, reply) =>
    act(() => sendPage(reply, invoicePage(world, invoiceOf(request.params.id)))),
  );
  app.post<Page>('/i/:id', (request, reply) =>
    act(() => {
      const invoice = invoiceOf(request.params.id);
      if (invoice.status === 'open') collect(world, invoice, 'succeeded', false);
      return reply.redirect(request.url, 303);
    }),
  );
  app.get<Page>('/p/session/:id', (request, reply) =>
    act(() => sendPage(reply, portalPage(world, portalOf(request.params.id)))),
  );
  app.post<Page>('/p/session/:id', (request, reply) =>
    act(() => {
      submitPortal(world, portalOf(request.params.id), request.body);
      return reply.redirect(request.url, 303);
    }),
  );
}

/** Performs the form's action and returns the URL to redirect to. */
function submitCheckout(world: World, session: CheckoutSession, body: unknown): string {
  const page = `/c/pay/${session.id}`;
  const { card, email } = readParams(checkoutForm, formOf(body));
  if (card === 'close') {
    return orElse(session.cancel_url, page);
  }
  paySession(world, session, card, email === '' ? undefined : email);
  if (session.status !== 'complete') {
    return `${page}?declined=1`;
  }
  // The placeholder is replaced only here: the API returns the URL as it was given.
  const next = session.success_url?.replaceAll('{CHECKOUT_SESSION_ID}', session.id) ?? null;
  return orElse(next, page);
}

/**
 * Returns the URL if it is safe to redirect to, otherwise the page: a state file may contain URLs that the
 * API would reject.
 */
function orElse(address: string | null, page: string): string {
  return address !== null && isWebAddress(address) ? address : page;
}

function submitPortal(world: World, session: PortalSession, body: unknown): void {
  const form = readParams(portalForm, formOf(body));
  const subscription = need(world.tables.subscriptions, 'subscription', form.subscription);
  if (subscription.customer !== session.customer) {
    // A portal session gives access to only one customer's subscriptions.
    throw missing('subscription', subscription.id);
  }
  switch (form.action) {
    case 'cancel_now':
      cancelSubscription(world, subscription, 'cancellation_requested');
      return;
    case 'cancel_at_period_end':
      // Under flexible billing, Stripe's portal sets `cancel_at` and leaves `cancel_at_period_end` false.
      scheduleEnd(world, subscription, periodEndOf(world, subscription), undefined);
      return;
    case 'keep':
      scheduleEnd(world, subscription, null, undefined);
      return;
    case 'change_plan': {
      const item = need(world.tables.subscriptionItems, 'subscription item', form.item);
      if (item.subscription !== subscription.id) {
        throw missing('subscription item', item.id);
      }
      const price = need(world.tables.prices, 'price', form.price);
      const change = { kind: 'set' as const, item, price, quantity: item.quantity ?? null };
      changeItems(world, subscription, [change], { behavior: 'always_invoice' });
    }
  }
}

function formOf(body: unknown) {
  return parseForm(typeof body === 'string' ? body : '');
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(page);
}
