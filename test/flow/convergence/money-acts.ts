import { type Act, type Context, oneOf } from './context.ts';
import { type GoodName, openCheckout } from './world.ts';

/* Money that takes days. */

/** Pays by a method whose money arrives in three days, or earlier where an act says so. */
async function buySlowly(context: Context, names: GoodName[]): Promise<void> {
  const { world, project, userId } = context;
  const lines = names.map((name) => ({ name, quantity: 1 }));
  const session = await openCheckout(world, project, userId, lines);
  if (session === null) return;
  const card = oneOf(context, ['async_success', 'async_booked_late'] as const);
  await world.sandbox.buyer.pay(session, { card });
}

export const moneyActs = {
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
