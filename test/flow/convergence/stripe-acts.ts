import type Stripe from 'stripe';
import {
  type Act,
  type Context,
  customersOf,
  dayMs,
  itemsOf,
  oneItem,
  oneOf,
  oneOfAll,
  oneOfMine,
} from './context.ts';
import { goodNames, openCheckout, type GoodName } from './world.ts';

/* The actions of buyers, banks, and users of Stripe's dashboard. */

const cards = ['ok', 'ok', 'ok', 'async_success', 'async_failure', 'ok_then_declined'] as const;

async function buy(context: Context, lines: { name: GoodName; quantity: number }[]): Promise<void> {
  const { world, instance, project, userId } = context;
  const session = await openCheckout(instance, project, userId, lines);
  if (session === null) return;
  await world.sandbox.buyer.pay(session, { card: oneOf(context, cards) });
}

function quantity({ pick }: Context): number {
  return (pick % 3) + 1;
}

/** Acts on one of the user's subscriptions. */
function onSubscription(act: (context: Context, id: string) => Promise<unknown>): Act {
  return async (context) => {
    const subscription = oneOfMine(context, 'subscriptions');
    if (subscription !== undefined) await act(context, subscription.id);
  };
}

function onOpenInvoice(act: (context: Context, id: string) => Promise<unknown>): Act {
  return async (context) => {
    const invoice = oneOfMine(context, 'invoices', ({ status }) => status === 'open');
    if (invoice !== undefined) await act(context, invoice.id);
  };
}

function onCharge(act: (context: Context, id: string) => Promise<unknown>): Act {
  return async (context) => {
    const charge = oneOfMine(context, 'charges', ({ status }) => status === 'succeeded');
    if (charge !== undefined) await act(context, charge.id);
  };
}

/** On a page that the service did not open, by a guest whom metadata names. */
async function buyElsewhere(context: Context): Promise<void> {
  const { world, project, userId } = context;
  const name = oneOf(context, goodNames) ?? 'pass';
  const metadata = { project_id: project.projectId, user_id: userId };
  const recurring = name === 'pro' || name === 'team';
  const params: Stripe.Checkout.SessionCreateParams = {
    mode: recurring ? 'subscription' : 'payment',
    line_items: [{ price: project.prices[name].priceId, quantity: 1 }],
    success_url: 'https://elsewhere.example',
    metadata,
    ...(recurring ? { subscription_data: { metadata } } : {}),
  };
  const { id } = await world.stripe.checkout.sessions.create(params);
  await world.sandbox.buyer.pay(id);
}

/** As a script does that moves customers to Stripe: more within a second than a page of a list holds. */
async function importSubscriptions(context: Context): Promise<void> {
  const { world, project, userId, pick } = context;
  const metadata = { project_id: project.projectId, user_id: userId };
  const { id: customer } = await world.stripe.customers.create({ metadata });
  const { priceId } = project.prices[oneOf(context, ['pro', 'team'] as const)];
  for (let made = 0; made < 5 + (pick % 3); made += 1) {
    const items = [{ price: priceId, quantity: quantity(context) }];
    await world.stripe.subscriptions.create({ customer, items, metadata });
  }
}

export const stripeActs = {
  subscribe: (context) =>
    buy(context, [{ name: oneOf(context, ['pro', 'team'] as const), quantity: quantity(context) }]),
  subscribe_and_buy: (context) =>
    buy(context, [
      { name: 'pro', quantity: 1 },
      { name: oneOf(context, ['pass', 'forever'] as const), quantity: quantity(context) },
    ]),
  buy_pass: (context) => buy(context, [{ name: 'pass', quantity: 1 }]),
  buy_both: (context) =>
    buy(context, [
      { name: 'pass', quantity: 1 },
      { name: 'forever', quantity: quantity(context) },
    ]),
  buy_elsewhere: buyElsewhere,
  import_subscriptions: importSubscriptions,
  change_plan: onSubscription(async (context, id) => {
    const { world, project } = context;
    const item = oneItem(context, id);
    if (item === undefined) return;
    const name = oneOf(context, ['team', 'pro'] as const);
    const behavior = oneOf(context, ['create_prorations', 'always_invoice', 'none'] as const);
    const { priceId } = project.prices[name];
    await world.sandbox.billing.changePlan(id, item.id, priceId, quantity(context), behavior);
  }),
  add_item: onSubscription((context, id) => {
    const { priceId } = context.project.prices[oneOf(context, ['team', 'pro'] as const)];
    const items = [{ price: priceId, quantity: quantity(context) }];
    return context.world.stripe.subscriptions.update(id, { items });
  }),
  remove_item: onSubscription(async (context, id) => {
    const item = oneItem(context, id);
    // Stripe keeps the last one: a subscription without items is canceled instead.
    if (item === undefined || itemsOf(context, id).length < 2) return;
    const items = [{ id: item.id, deleted: true }];
    await context.world.stripe.subscriptions.update(id, { items });
  }),
  cancel_now: onSubscription(({ world }, id) => world.sandbox.billing.cancelNow(id)),
  cancel_at_period_end: onSubscription(({ world }, id) =>
    world.sandbox.billing.cancelAtPeriodEnd(id),
  ),
  cancel_at: onSubscription(({ world, pick }, id) => {
    const at = world.clock.now() + ((pick % 40) + 1) * dayMs;
    return world.stripe.subscriptions.update(id, { cancel_at: Math.floor(at / 1000) });
  }),
  uncancel: onSubscription(({ world }, id) => world.sandbox.billing.keep(id)),
  pause_collection: onSubscription(({ world, pick }, id) =>
    world.stripe.subscriptions.update(id, {
      pause_collection: pick % 2 === 0 ? { behavior: 'void' } : '',
    }),
  ),
  pause: onSubscription(({ world }, id) => world.sandbox.billing.pause(id)),
  resume: onSubscription(({ world }, id) => world.sandbox.billing.resume(id)),
  decline_payments: async (context) => {
    for (const id of customersOf(context)) {
      await context.world.sandbox.billing.failNextPayments(id, true);
    }
  },
  accept_payments: async (context) => {
    for (const id of customersOf(context)) {
      await context.world.sandbox.billing.failNextPayments(id, false);
    }
  },
  pay_invoice: onOpenInvoice(({ world }, id) => world.sandbox.billing.payOpenInvoice(id)),
  void_invoice: onOpenInvoice(({ world }, id) => world.sandbox.billing.voidInvoice(id)),
  write_off_invoice: onOpenInvoice(({ world }, id) => world.sandbox.billing.markUncollectible(id)),
  refund_part: onCharge(({ world, pick }, id) =>
    world.sandbox.billing.refund(id, (pick % 999) + 1),
  ),
  refund_rest: onCharge(({ world }, id) => world.sandbox.billing.refund(id)),
  fail_refund: async (context) => {
    const refund = oneOfAll(context, 'refunds');
    if (refund !== undefined) await context.world.sandbox.billing.failRefund(refund.id);
  },
  dispute: onCharge(({ world }, id) => world.sandbox.billing.openDispute(id)),
  inquire: onCharge(({ world }, id) =>
    world.sandbox.billing.openDispute(id, undefined, { inquiry: true }),
  ),
  close_dispute: async (context) => {
    const dispute = oneOfAll(context, 'disputes');
    const end = oneOf(context, ['won', 'lost', 'warning_closed', 'prevented'] as const);
    if (dispute !== undefined) await context.world.sandbox.billing.closeDispute(dispute.id, end);
  },
  delete_customer: async (context) => {
    const id = oneOf(context, customersOf(context));
    if (id !== undefined) await context.world.stripe.customers.del(id);
  },
  archive_product: (context) => {
    const { productId } = context.project.prices[oneOf(context, goodNames) ?? 'pass'];
    const active = context.pick % 2 === 0;
    return context.world.stripe.products.update(productId, { active });
  },
} satisfies Record<string, Act>;
