import { emit } from '../state/events.ts';
import type { Invoice, Subscription } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { settlePayment } from '../checkout/settlement.ts';
import { expireSession } from '../checkout/session-end.ts';
import { collect, finalizeInvoice, walletOutcome } from './collection.ts';
import { addDays } from './period.ts';
import { expireIncomplete, renew } from './renewal.ts';
import { cancelSubscription, changeSubscription, hasEnded } from './subscription-change.ts';

/** Work that falls due at an instant (epoch seconds). */
interface Due {
  at: number;
  run: () => void;
}

/**
 * Does all that falls due until now, in order, the clock standing at each instant while it is done.
 * What it does may make more fall due, such as the next period's end.
 */
export function runDue(world: World): void {
  while (world.dueAt * 1000 <= world.clock.now()) {
    const next = nextDue(world);
    if (next === undefined || next.at * 1000 > world.clock.now()) {
      world.dueAt = next?.at ?? Infinity;
      return;
    }
    world.clock.at(next.at * 1000, next.run);
  }
}

/** The earliest; of those at the same instant the one listed first, so that an end beats a renewal. */
function nextDue(world: World): Due | undefined {
  let earliest: Due | undefined;
  for (const due of allDue(world)) {
    if (earliest === undefined || due.at < earliest.at) {
      earliest = due;
    }
  }
  return earliest;
}

function* allDue(world: World): Generator<Due> {
  for (const settlement of world.tables.settlements.values()) {
    yield {
      at: settlement.settlesAt,
      run: () => {
        settlePayment(world, settlement.id, settlement.succeeds);
      },
    };
  }
  for (const session of world.tables.sessions.values()) {
    if (session.status === 'open') {
      yield {
        at: session.expires_at,
        run: () => {
          expireSession(world, session);
        },
      };
    }
  }
  const periodEnds = earliestPeriodEnds(world);
  for (const subscription of world.tables.subscriptions.values()) {
    if (!hasEnded(subscription)) {
      yield* subscriptionDue(world, subscription, periodEnds.get(subscription.id));
    }
  }
  for (const invoice of world.tables.invoices.values()) {
    yield* invoiceDue(world, invoice);
  }
}

const trialNoticeDays = 3;
const incompleteSeconds = 23 * 3600;

/** By subscription, in one pass over the items. */
function earliestPeriodEnds(world: World): Map<string, number> {
  const ends = new Map<string, number>();
  for (const item of world.tables.subscriptionItems.values()) {
    const known = ends.get(item.subscription) ?? Infinity;
    ends.set(item.subscription, Math.min(known, item.current_period_end));
  }
  return ends;
}

function* subscriptionDue(
  world: World,
  subscription: Subscription,
  periodEnd: number | undefined,
): Generator<Due> {
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
  if (periodEnd !== undefined) {
    yield {
      at: periodEnd,
      run: () => {
        renew(world, subscription);
      },
    };
  }
}

/** `trial_will_end`, three days ahead; a shorter trial is told of at once. */
function* trialNoticeDue(world: World, subscription: Subscription): Generator<Due> {
  const { trial_end: trialEnd, status } = subscription;
  const told = world.tables.trialNotices.get(subscription.id)?.trialEnd;
  if (status !== 'trialing' || trialEnd === null || told === trialEnd) {
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
          collect(world, invoice, walletOutcome(world, invoice.customer), true);
        }
      },
    };
  }
  if (invoice.status === 'open' && invoice.next_payment_attempt !== null) {
    yield {
      at: invoice.next_payment_attempt,
      run: () => {
        collect(world, invoice, walletOutcome(world, invoice.customer), true);
      },
    };
  }
}
