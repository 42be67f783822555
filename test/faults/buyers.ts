import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { askOnce, askUntilTaken, codeOf } from './client.ts';
import type { Crowd } from './crowd.ts';
import type { Change, User } from './oracle.ts';
import { wholeAnswer } from './readers.ts';
import { origin } from './shop.ts';

const idShape = z.object({ id: z.string() });
const eventShape = z.object({ status: z.string() });

/** How often the service is polled for a processed event, milliseconds. */
const pollMs = 250;

/** Lets a user take the next possible action: buy, change, cancel or get money back. */
export async function deal(crowd: Crowd): Promise<void> {
  const user = crowd.pick(crowd.buyers);
  await crowd.alone(user, async () => {
    const { plan, pass } = user;
    if (crowd.random() < 0.4) await (pass.last ? refund(crowd, user) : buy(crowd, user, 'pass'));
    else if (plan.last === 'none') await buy(crowd, user, crowd.pick(['pro', 'team']));
    else await (crowd.random() < 0.5 ? cancel(crowd, user) : changePlan(crowd, user));
  });
}

async function buy(crowd: Crowd, user: User, what: 'pro' | 'team' | 'pass'): Promise<void> {
  const { url, shop, sandbox } = crowd.place;
  const opened = await askUntilTaken(url, {
    method: 'POST',
    path: '/api/v1/checkout/sessions',
    key: shop.appKey,
    body: {
      ...{ user_id: user.id, price_id: shop.prices[what] },
      ...{ success_url: `${origin}/welcome`, cancel_url: origin },
    },
  });
  // Revoked features are not sold.
  if (opened.status === 409 && codeOf(opened) === 'feature_revoked') return;
  if (opened.status !== 201) {
    throw new Error(`a checkout was answered ${opened.status}: ${JSON.stringify(opened.body)}`);
  }
  const { id } = idShape.parse(opened.body);
  const change =
    what === 'pass' ? crowd.begin(user, user.pass, true) : crowd.begin(user, user.plan, what);
  const comesBack = crowd.random() < 0.5;
  await Promise.all([
    untilProcessed(crowd, user, change, () => sandbox.buyer.pay(id)),
    comesBack ? comeBack(crowd, user, change, id) : undefined,
  ]);
  crowd.count(what === 'pass' ? 'passes bought' : 'plans bought');
}

/** The success page shows a payment at once, so the deadline is now. */
async function comeBack(
  crowd: Crowd,
  user: User,
  change: Change<unknown>,
  sessionId: string,
): Promise<void> {
  const { url, shop } = crowd.place;
  const path = `/api/v1/checkout/sessions/${sessionId}`;
  const told = await askOnce(url, { method: 'GET', path, key: shop.appKey });
  if (told.status !== 200) return;
  const shown = wholeAnswer(told.body);
  crowd.judge(user, told, shown);
  // No other actor changes the plan meanwhile.
  if (shown.notebooks !== user.answer.notebooks) {
    crowd.wrong.push(`the success page of ${user.id} did not show what was paid for`);
  }
  crowd.finish(user, change, told.answeredAt);
  crowd.count('success pages');
}

async function cancel(crowd: Crowd, user: User): Promise<void> {
  const { sandbox } = crowd.place;
  const { id } = subscriptionOf(crowd, user);
  const change = crowd.begin(user, user.plan, 'none');
  await untilProcessed(crowd, user, change, () => sandbox.billing.cancelNow(id));
  crowd.count('cancellations');
}

async function changePlan(crowd: Crowd, user: User): Promise<void> {
  const { sandbox, shop } = crowd.place;
  const { id } = subscriptionOf(crowd, user);
  const items = sandbox.objects('subscriptionItems').subscriptionItems;
  const item = items.find(({ subscription }) => subscription === id);
  if (item === undefined) throw new Error(`${id} has no item`);
  const to = user.plan.last === 'pro' ? 'team' : 'pro';
  const change = crowd.begin(user, user.plan, to);
  await untilProcessed(crowd, user, change, () =>
    sandbox.billing.changePlan(id, item.id, shop.prices[to]),
  );
  crowd.count('changes of plan');
}

async function refund(crowd: Crowd, user: User): Promise<void> {
  const { sandbox } = crowd.place;
  const { sessions, charges } = sandbox.objects('sessions', 'charges');
  const session = sessions.findLast(
    ({ mode, status, metadata }) =>
      mode === 'payment' && status === 'complete' && metadata?.['user_id'] === user.id,
  );
  const charge = charges.find(({ payment_intent: paid }) => paid === session?.payment_intent);
  if (charge === undefined) throw new Error(`${user.id} has paid nothing that can be refunded`);
  const change = crowd.begin(user, user.pass, false);
  await untilProcessed(crowd, user, change, () => sandbox.billing.refund(charge.id));
  crowd.count('refunds');
}

function subscriptionOf({ place }: Crowd, user: User): { id: string } {
  const { subscriptions } = place.sandbox.objects('subscriptions');
  const found = subscriptions.find(
    ({ status, metadata }) => status === 'active' && metadata['user_id'] === user.id,
  );
  if (found === undefined) throw new Error(`${user.id} has no subscription at Stripe`);
  return found;
}

/** A change at Stripe is done when the service has processed all of its events. */
async function untilProcessed(
  crowd: Crowd,
  user: User,
  change: Change<unknown>,
  act: () => Promise<unknown>,
): Promise<void> {
  const { sandbox } = crowd.place;
  const before = sandbox.deliveries().length;
  // The sandbox acts and creates its events within the call.
  const acted = act();
  const events = sandbox.deliveries().slice(before);
  await acted;
  if (events.length === 0) throw new Error(`Stripe created no event for what ${user.id} did`);
  await Promise.all(events.map(({ eventId }) => processed(crowd, eventId)));
  crowd.finish(user, change, performance.now());
}

async function processed({ place }: Crowd, eventId: string): Promise<void> {
  const path = `/api/v1/admin/events/${eventId}`;
  for (;;) {
    await sleep(pollMs);
    const told = await askOnce(place.url, { method: 'GET', path, key: place.adminKey });
    // A 404: the event has not arrived yet.
    if (told.status === 200 && eventShape.parse(told.body).status === 'processed') return;
  }
}
