import fc from 'fast-check';
import Stripe from 'stripe';
import { sweepBehindCatalog, sweepPendingCache } from '../../../src/entitlements/sweeps.ts';
import { applyPicture } from '../../../src/mirror/apply.ts';
import { fetchPicture } from '../../../src/mirror/fetch.ts';
import { syncObject } from '../../../src/mirror/sync.ts';
import { syncAll } from '../../../src/mirror/worker.ts';
import type { FollowedType } from '../../../src/webhook/events.ts';
import { claimWanted, drawNumber } from '../../../src/webhook/followed.ts';
import { type Act, Refused } from './context.ts';
import { moneyActs } from './money-acts.ts';
import { operatorActs } from './operator-acts.ts';
import { stripeActs } from './stripe-acts.ts';
import type { Project, World } from './world.ts';

const acts: Record<
  keyof typeof stripeActs | keyof typeof moneyActs | keyof typeof operatorActs,
  Act
> = {
  ...stripeActs,
  ...moneyActs,
  ...operatorActs,
};
type ActName = keyof typeof acts;

/** Where a worker dies. Each leaves behind what the step before it did, and nothing else. */
const deaths = ['claimed', 'fetched', 'in_transaction', 'committed'] as const;

/** What happens on the way from Stripe to the answer, beside the action or after it. */
const ways = [
  'nothing',
  'deliver',
  'lose',
  'work',
  'work_at_once',
  'deliver_and_work',
  'die_claimed',
  'die_fetched',
  'die_in_transaction',
  'die_committed',
  'stripe_limits',
  'stripe_fails',
  'sweep',
] as const;

interface Step {
  act: ActName;
  who: number;
  pick: number;
  way: (typeof ways)[number];
  /** Two or three workers rather than one, where work is done. */
  workers: number;
}

/** Buying and time come more often than the rest, so that there is something to act on. */
const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(
    {
      weight: 1,
      arbitrary: fc.constantFrom<ActName>(
        'subscribe',
        'buy_pass',
        'buy_slowly',
        'buy_both',
        'days_pass',
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom(...(Object.keys(acts) as ActName[])) }, // its own keys
  ),
  who: fc.nat(2),
  pick: fc.nat(1_000),
  way: fc.constantFrom(...ways),
  workers: fc.integer({ min: 1, max: 3 }),
});

export interface History {
  steps: Step[];
  /** How webhooks behave all along. */
  shuffle: boolean;
  repeat: number;
}

export const historyArbitrary: fc.Arbitrary<History> = fc.record({
  steps: fc.array(stepArbitrary, { minLength: 3, maxLength: 25, size: 'max' }),
  shuffle: fc.boolean(),
  repeat: fc.nat(2),
});

export const userIds = ['u0', 'u1', 'u2'] as const;

/**
 * Plays a history until nothing is on its way any more.
 *
 * @param recover brings back what was lost on the way.
 */
export async function play(
  world: World,
  project: Project,
  history: History,
  recover: (world: World) => Promise<void> = fetchAll,
): Promise<void> {
  const { sandbox } = world;
  const { shuffle, repeat } = history;
  let lost = false;
  for (const step of history.steps) {
    sandbox.faults.webhooks = { shuffle, repeat };
    if (step.way === 'work_at_once') {
      await Promise.all([act(world, project, step), work(world, step.workers)]);
      continue;
    }
    await act(world, project, step);
    if (step.way === 'lose') {
      lost = true;
      sandbox.faults.webhooks = { drop: true };
    }
    await goWay(world, step);
  }
  await settle(world);
  // As a reconciliation would: every object that news may have been lost of is fetched once more.
  if (lost) await recover(world);
}

async function act(world: World, project: Project, step: Step): Promise<void> {
  const userId = userIds[step.who % userIds.length] ?? 'u0';
  try {
    await acts[step.act]({ world, project, userId, pick: step.pick });
  } catch (error) {
    // Stripe refuses what makes no sense just now, as it does in life: nothing has happened then.
    if (!isRefusal(error)) throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeError ||
    error instanceof Refused ||
    (error instanceof Error && error.constructor.name === 'StripeFault')
  );
}

async function goWay(world: World, { way, workers }: Step): Promise<void> {
  const { sandbox, service } = world;
  switch (way) {
    case 'nothing':
    case 'work_at_once':
      return;
    case 'deliver':
    case 'lose':
      return sandbox.deliver();
    case 'work':
      return work(world, workers);
    case 'deliver_and_work':
      await Promise.all([sandbox.deliver(), work(world, workers)]);
      return;
    case 'die_claimed':
    case 'die_fetched':
    case 'die_in_transaction':
    case 'die_committed':
      await sandbox.deliver();
      return die(world, deaths[ways.indexOf(way) - ways.indexOf('die_claimed')] ?? 'claimed');
    case 'stripe_limits':
    case 'stripe_fails':
      sandbox.faults.api({ status: way === 'stripe_limits' ? 429 : 500, times: workers });
      await sandbox.deliver();
      return work(world, workers);
    case 'sweep':
      await sweepPendingCache(service.deps);
      await sweepBehindCatalog(service.deps);
      return;
    default:
      return way satisfies never;
  }
}

/** A refused request is left to the queue's own patience, which is what is looked at. */
async function work({ service }: World, workers: number): Promise<void> {
  const deps = { ...service.deps, stripe: service.deps.stripeInBackground };
  await Promise.all(Array.from({ length: workers }, () => syncAll(deps)));
}

/** A worker takes what is wanted, and is killed on the way with each of it. */
async function die({ service }: World, where: (typeof deaths)[number]): Promise<void> {
  const { deps, clock } = service;
  const claims = await claimWanted(deps.database, clock.now(), {
    limit: 8,
    of: 'all',
    quietMs: 0,
  });
  if (where === 'claimed') return;
  for (const claim of claims) {
    const number = await drawNumber(deps.database);
    const picture = await fetchPicture(deps.stripeInBackground, claim).catch(() => null);
    if (where === 'fetched' || picture === null) continue;
    await applyPicture(
      {
        ...deps,
        cache: { ...deps.cache, forget: () => Promise.resolve() },
        database:
          where === 'committed'
            ? deps.database
            : {
                ...deps.database,
                transaction: (write) =>
                  deps.database.transaction(async (tx) => {
                    await write(tx);
                    throw new Killed();
                  }),
              },
      },
      picture,
      number,
    ).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
  }
}

class Killed extends Error {}

/** Long enough for every lease and every wait after an outage, one after the other. */
const roundMs = 61_000;

/** Lets everything that is on its way arrive. */
async function settle(world: World): Promise<void> {
  const { sandbox, service, clock } = world;
  sandbox.faults.clear();
  for (let round = 0; round < 20; round += 1) {
    const until = clock.now() + roundMs;
    clock.set(until);
    await sandbox.clock.advanceTo(until);
    await sandbox.deliver();
    await work(world, 1);
    await sweepPendingCache(service.deps);
    const wanted = await service.deps.database.prisma.$queryRaw<
      unknown[]
    >`select from followed_objects where wanted > fetched`;
    if (wanted.length === 0 && sandbox.pendingDeliveries().length === 0) return;
  }
  throw new Error('something is still on its way after 20 minutes');
}

const fetched = [
  ['product', 'products'],
  ['price', 'prices'],
  ['customer', 'customers'],
  ['subscription', 'subscriptions'],
  ['checkout.session', 'sessions'],
  ['charge', 'charges'],
  ['dispute', 'disputes'],
] as const satisfies [FollowedType, string][];

async function fetchAll(world: World): Promise<void> {
  const { sandbox, service } = world;
  // Only the event tells when slow money arrived.
  const arrivals = sandbox
    .deliveries()
    .filter(({ eventType }) => eventType === 'checkout.session.async_payment_succeeded');
  for (const { eventId } of arrivals) sandbox.resend(eventId);
  if (arrivals.length > 0) await settle(world);
  for (const [objectType, kind] of fetched) {
    for (const { id } of sandbox.objects(kind)[kind]) {
      await syncObject(service.deps, { objectType, objectId: id });
    }
  }
}
