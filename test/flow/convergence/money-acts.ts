import { type Act, type Context, hourMs, itemsOf, oneOf, oneOfMine, pass } from './context.ts';
import { type GoodName, openCheckout } from './world.ts';

/* Money that takes days, renewals that are never paid, and what banks make of an amount. */

/** Pays by a method whose money arrives in three days, or earlier where an act says so. */
async function buySlowly(context: Context, names: GoodName[]): Promise<void> {
  const { world, instance, project, userId } = context;
  const lines = names.map((name) => ({ name, quantity: 1 }));
  const session = await openCheckout(instance, project, userId, lines);
  if (session === null) return;
  const card = oneOf(context, ['async_success', 'async_booked_late'] as const);
  await world.sandbox.buyer.pay(session, { card });
}

/** A renewal is a draft for an hour: an upgrade is made and paid meanwhile, and the renewal then is not. */
async function upgradeInDraftHour(context: Context): Promise<void> {
  const { world, project, pick } = context;
  const subscription = oneOfMine(context, 'subscriptions', ({ status }) => status === 'active');
  if (subscription === undefined || typeof subscription.customer !== 'string') return;
  const { billing } = world.sandbox;
  await billing.failNextPayments(subscription.customer, false);
  const ends = itemsOf(context, subscription.id).map((item) => item.current_period_end * 1_000);
  await pass(context, Math.max(0, Math.min(...ends) - world.clock.now()) + hourMs / 2);
  const [item] = itemsOf(context, subscription.id);
  if (item === undefined) return;
  const { priceId } = project.prices.team;
  await billing.changePlan(subscription.id, item.id, priceId, (pick % 3) + 4, 'always_invoice');
  await billing.failNextPayments(subscription.customer, true);
  await pass(context, (1 + (pick % 4)) * hourMs);
}

/** A bank's rate or fee makes the amount differ, or it names the buyer's currency. */
async function disputeAtRate(context: Context): Promise<void> {
  const { world, pick } = context;
  const charge = oneOfMine(context, 'charges', ({ status }) => status === 'succeeded');
  if (charge === undefined) return;
  const left = charge.amount - charge.amount_refunded;
  const amount = Math.ceil((left * (90 + (pick % 14))) / 100);
  const currency = pick % 4 === 0 ? { currency: 'eur' } : {};
  const dispute = await world.sandbox.billing.openDispute(charge.id, amount, currency);
  if (pick % 3 > 0) await world.sandbox.billing.closeDispute(dispute, 'lost');
}

export const moneyActs = {
  dispute_at_rate: disputeAtRate,
  upgrade_in_draft_hour: upgradeInDraftHour,
  buy_slowly: (context) => buySlowly(context, ['pass']),
  subscribe_slowly: (context) => buySlowly(context, ['pro', 'pass']),
  money_arrives: async (context) => {
    const { world, project, userId, pick } = context;
    const waiting = world.sandbox
      .objects('sessions')
      .sessions.filter(
        ({ id, status, payment_status: paid }) =>
          project.sessionUsers.get(id) === userId && status === 'complete' && paid === 'unpaid',
      );
    const session = oneOf(context, waiting);
    if (session !== undefined) await world.sandbox.buyer.settleAsync(session.id, pick % 5 > 0);
  },
} satisfies Record<string, Act>;
