import { emit } from '../state/events.ts';
import type { CheckoutSession, Invoice, Settlement, Subscription } from '../state/tables.ts';
import { queueOf, testClockOf } from '../state/test-clocks.ts';
import type { Timed, World } from '../state/world.ts';
import { settlePayment } from '../checkout/settlement.ts';
import { expireSession } from '../checkout/session-end.ts';
import { collect, finalizeInvoice, outcomeOf, subscriptionOf } from './collection.ts';
import { pendingUpdateDue } from './pending-update.ts';
import { addDays } from './period.ts';
import { expireIncomplete, renew } from './renewal.ts';
import { scheduleDue } from './schedule-due.ts';
import { periodEndOf } from './subscription-end.ts';
import { cancelSubscription, changeSubscription, hasEnded } from './subscription-change.ts';

/** Work that is due at a timestamp, in epoch seconds. */
interface Due {
  at: number;
  run: () => void;
}

/**
 * The order of work that is due at the same time: settlements run before renewals, and schedules before the
 * subscriptions that they change.
 */
const ranks: Record<Timed['object'], number> = {
  'sandbox.settlement': 0,
  'checkout.session': 1,
  subscription_schedule: 2,
  subscription: 3,
  invoice: 4,
};

/**
 * Runs all due work in order, with the clock set to the time at which each piece is due. Work can cause more
 * due work, such as the end of the next period. Returns whether any work was done.
 */
export function runDue(world: World): boolean {
  for (let done = false; ; done = true) {
    for (const item of world.due.takeTouched()) {
      const clock = testClockOf(world, item);
      const queue = clock === undefined ? world.due : queueOf(world, clock);
      queue.schedule(item, nextDue(world, item)?.at, ranks[item.object]);
    }
    const { item, now } = takeDue(world);
    if (item === undefined) {
      return done;
    }
    const next = nextDue(world, item);
    if (next !== undefined && next.at <= now) {
      world.clock.at(next.at * 1000, next.run);
    }
    world.due.touch(item);
  }
}

/** Takes an item that is due, by the test clock or else the sandbox clock that it follows. */
function takeDue(world: World): { item: Timed | undefined; now: number } {
  for (const clock of world.tables.testClocks.values()) {
    const item = queueOf(world, clock).take(clock.frozen_time);
    if (item !== undefined) {
      return { item, now: clock.frozen_time };
    }
  }
  const now = world.clock.seconds();
  return { item: world.due.take(now), now };
}

/**
 * Returns an item's earliest due work. If several are due at the same time, returns the one that `dueOf`
 * yields first, so that a cancellation precedes a renewal.
 */
function nextDue(world: World, item: Timed): Due | undefined {
  let earliest: Due | undefined;
  for (const due of dueOf(world, item)) {
    if (earliest === undefined || due.at < earliest.at) {
      earliest = due;
    }
  }
  return earliest;
}

function dueOf(world: World, item: Timed): Iterable<Due> {
  const { tables } = world;
  switch (item.object) {
    case 'sandbox.settlement':
      return tables.settlements.get(item.id) === item ? settlementDue(world, item) : [];
    case 'checkout.session':
      return tables.sessions.get(item.id) === item ? sessionDue(world, item) : [];
    case 'subscription_schedule':
      return tables.schedules.get(item.id) === item ? scheduleDue(world, item) : [];
    case 'subscription':
      return tables.subscriptions.get(item.id) === item && !hasEnded(item)
        ? subscriptionDue(world, item)
        : [];
    case 'invoice':
      return tables.invoices.get(item.id) === item ? invoiceDue(world, item) : [];
  }
}

function settlementDue(world: World, { id, settlesAt, succeeds }: Settlement): Due[] {
  return [
    {
      at: settlesAt,
      run: () => {
        settlePayment(world, id, succeeds);
      },
    },
  ];
}

function sessionDue(world: World, session: CheckoutSession): Due[] {
  if (session.status !== 'open') {
    return [];
  }
  return [
    {
      at: session.expires_at,
      run: () => {
        expireSession(world, session);
      },
    },
  ];
}

const trialNoticeDays = 3;
const incompleteSeconds = 23 * 3600;

function* subscriptionDue(world: World, subscription: Subscription): Generator<Due> {
  yield* pendingUpdateDue(world, subscription);
  if (subscription.cancel_at !== null) {
    yield {
      at: subscription.cancel_at,
      run: () => {
        cancelSubscription(world, subscription, 'cancellation_requested');
      },
    };
  }
  if (subscription.status === 'incomplete') {
    yield {
      at: subscription.created + incompleteSeconds,
      run: () => {
        expireIncomplete(world, subscription);
      },
    };
    return;
  }
  const resumesAt = subscription.pause_collection?.resumes_at ?? null;
  if (resumesAt !== null) {
    yield {
      at: resumesAt,
      run: () => {
        changeSubscription(world, subscription, () => {
          subscription.pause_collection = null;
        });
      },
    };
  }
  if (subscription.status === 'paused') {
    return;
  }
  yield* trialNoticeDue(world, subscription);
  yield {
    at: periodEndOf(world, subscription),
    run: () => {
      renew(world, subscription);
    },
  };
}

/** Sends `trial_will_end` three days before the trial ends, or immediately if the trial is shorter. */
function* trialNoticeDue(world: World, subscription: Subscription): Generator<Due> {
  const { trial_end: trialEnd, status } = subscription;
  const announced = world.tables.trialNotices.get(subscription.id)?.trialEnd;
  if (status !== 'trialing' || trialEnd === null || announced === trialEnd) {
    return;
  }
  yield {
    at: Math.max(subscription.created, addDays(trialEnd, -trialNoticeDays)),
    run: () => {
      world.tables.trialNotices.set(subscription.id, {
        id: subscription.id,
        object: 'sandbox.trial_notice',
        trialEnd,
      });
      emit(world, 'customer.subscription.trial_will_end', subscription);
    },
  };
}

function* invoiceDue(world: World, invoice: Invoice): Generator<Due> {
  const automatic = invoice.collection_method === 'charge_automatically';
  if (invoice.status === 'draft' && invoice.automatically_finalizes_at !== null) {
    yield {
      at: invoice.automatically_finalizes_at,
      run: () => {
        finalizeInvoice(world, invoice);
        if (invoice.amount_remaining > 0 && automatic) {
          collect(world, invoice, outcomeOf(world, invoice), true);
        }
      },
    };
  }
  const subscription = subscriptionOf(world, invoice);
  if (invoice.status === 'open' && invoice.due_date !== null && subscription?.status === 'active') {
    yield {
      at: invoice.due_date,
      run: () => {
        emit(world, 'invoice.overdue', invoice);
        changeSubscription(world, subscription, () => {
          subscription.status = 'past_due';
        });
      },
    };
  }
  if (invoice.status === 'open' && invoice.next_payment_attempt !== null) {
    yield {
      at: invoice.next_payment_attempt,
      run: () => {
        collect(world, invoice, outcomeOf(world, invoice), true);
      },
    };
  }
}
