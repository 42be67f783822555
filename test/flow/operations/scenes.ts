import { text } from '../../helpers/json.ts';
import type { Shop } from '../../helpers/shop.ts';

/** The runbook's example ids, and what they are here. */
export type Names = Record<string, string>;

/** The faults at the start of the runbook's sections, by heading. */
export const scenes: Record<string, (shop: Shop) => Promise<Names>> = {
  'Before anything': () => Promise.resolve({}),

  async 'A paying user is locked out'(shop) {
    const { stripe, service, prices } = shop;
    const guest = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: prices.forever, quantity: 1 }],
      success_url: 'https://notes.example/',
    });
    await shop.sandbox.buyer.pay(guest.id, { email: 'guest@example.com' });
    await shop.settle();
    const purchase = await service.deps.database.prisma.purchase.findFirstOrThrow({
      where: { sessionId: guest.id },
    });
    const customer = await stripe.customers.create({ email: 'u_44@example.com' });
    await stripe.subscriptions.create({ customer: customer.id, items: [{ price: prices.pro }] });
    await shop.settle();
    // Paid, without an event.
    await shop.buy('u_42', 'pro');
    return { li_123: purchase.id, cus_123: customer.id };
  },

  async 'Stripe says that webhooks fail'(shop) {
    await shop.settle();
    return {};
  },

  async 'A refund came, access stayed'(shop) {
    await shop.buy('u_43', 'forever');
    await shop.settle();
    const charge = await shop.chargeOf('u_43');
    await shop.sandbox.billing.refund(charge.id);
    return {};
  },

  async 'The database is full'(shop) {
    await shop.settle();
    return {};
  },

  'Rotate the webhook secret': () => Promise.resolve({}),

  async "Rotate a project's key without downtime"({ service, key }) {
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key,
      body: { name: 'app', scopes: ['read'] },
    });
    return { key_123: text(made.body, 'id') };
  },

  'Back up': () => Promise.resolve({}),

  'Restore from a backup': () => Promise.resolve({}),

  Upgrade: () => Promise.resolve({}),

  'Roll back a release': () => Promise.resolve({}),

  async 'Bring in an existing Stripe account'({ stripe }) {
    const product = await stripe.products.create({
      name: 'Maps',
      metadata: { project_id: 'atlas' },
    });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 700,
      recurring: { interval: 'month' },
    });
    const customer = await stripe.customers.create({ email: 'u_7@example.com' });
    await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
    return { prod_123: product.id, cus_7: customer.id };
  },

  async 'Objects are failed, or the inbox is behind'(shop) {
    const { prisma } = shop.service.deps.database;
    const { id: objectId } = await shop.subscriptionOf('u_42');
    const event = await prisma.webhookEvent.findFirstOrThrow({ where: { objectId } });
    const now = shop.service.clock.now();
    await prisma.followedObject.updateMany({
      where: { objectId },
      data: {
        fetched: 0,
        attempts: 12,
        failedAt: new Date(now),
        nextAttemptAt: new Date(now + 3_600_000),
        lastError: 'The provided key does not have the required permissions.',
      },
    });
    return { evt_123: event.eventId };
  },

  'Latchkey does not answer': () => Promise.resolve({}),

  'Reads fail or are slow': () => Promise.resolve({}),
  'Changes of usage fail or are slow': () => Promise.resolve({}),

  'Postgres is unreachable': () => Promise.resolve({}),

  'Stripe refuses the key': () => Promise.resolve({}),

  async 'A reconciliation is held, or finds drift'({ service }) {
    const { reconciliationRun } = service.deps.database.prisma;
    const { progress } = await reconciliationRun.findFirstOrThrow({ select: { progress: true } });
    const at = new Date(service.clock.now());
    await reconciliationRun.create({
      data: {
        id: 'rec_held',
        dryRun: false,
        status: 'held',
        progress: progress ?? {},
        startedAt: at,
        finishedAt: at,
      },
    });
    return {};
  },

  'An alarm was raised': () => Promise.resolve({}),

  'Clients are refused': () => Promise.resolve({}),
  'Changes arrive late': () => Promise.resolve({}),

  'Webhooks to apps are late': () => Promise.resolve({}),

  'An app does not accept webhooks': () => Promise.resolve({}),

  'Usage is not reported to Stripe': () => Promise.resolve({}),

  'Redis is down': () => Promise.resolve({}),

  async 'Erase a user'(shop) {
    await shop.stripe.customers.update(await shop.customerOf('u_42'), {
      email: 'u_42@example.com',
    });
    await shop.settle();
    return {};
  },
};
