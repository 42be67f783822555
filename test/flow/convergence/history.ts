import fc from 'fast-check';
import Stripe from 'stripe';
import { sweepPendingCache } from '../../../src/entitlements/refresh/sweeps.ts';
import { syncObject } from '../../../src/mirror/sync.ts';
import { type SyncedType, syncedTypes } from '../../../src/webhook/core/events.ts';
import { type Act, Refused } from './context.ts';
import { mostApartMs } from './instances.ts';
import { moneyActs } from './money-acts.ts';
import { operatorActs } from './operator-acts.ts';
import { stripeActs } from './stripe-acts.ts';
import { goWay, instancesOf, type WayOfStep, ways, work } from './ways.ts';
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

interface Step extends WayOfStep {
  act: ActName;
  who: number;
  pick: number;
}

/** Purchases and time are more frequent than the rest, so that there is something to act on. */
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
  at: fc.nat(1),
  workers: fc.integer({ min: 1, max: 3 }),
});

/** Far enough for two instances to disagree, near enough for a day in production. */
const apartArbitrary = fc
  .tuple(fc.integer({ min: 100, max: 90_000 }), fc.constantFrom(1, -1))
  .map(([ms, sign]) => ms * sign);

export interface History {
  steps: Step[];
  /** How webhooks behave all along. */
  shuffle: boolean;
  repeat: number;
  /** How far the second instance's clock is ahead of Stripe's and the first's at first; may be below 0. */
  apartMs: number;
}

export const historyArbitrary: fc.Arbitrary<History> = fc.record({
  steps: fc.array(stepArbitrary, { minLength: 3, maxLength: 25, size: 'max' }),
  shuffle: fc.boolean(),
  repeat: fc.nat(2),
  apartMs: apartArbitrary,
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
  const { shuffle, repeat, apartMs } = history;
  const [first, second] = world.instances;
  first.clock.aheadMs = 0;
  second.clock.aheadMs = apartMs;
  let lost = false;
  for (const step of history.steps) {
    sandbox.faults.webhooks = { shuffle, repeat };
    if (step.way === 'work_at_once') {
      await Promise.all([act(world, project, step), work(world, step)]);
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
    const [instance, other] = instancesOf(world, step);
    await acts[step.act]({ world, project, userId, instance, other, pick: step.pick });
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

/** Long enough for every lease and every wait after an outage, by the clock that was the most ahead. */
const roundMs = 61_000 + mostApartMs;

/** Puts the clocks right, and lets everything that is on its way arrive. */
async function settle(world: World): Promise<void> {
  const { sandbox, service, clock } = world;
  sandbox.faults.clear();
  for (const { clock: ours } of world.instances) ours.aheadMs = 0;
  for (let round = 0; round < 20; round += 1) {
    const until = clock.now() + roundMs;
    clock.set(until);
    await sandbox.clock.advanceTo(until);
    await sandbox.deliver();
    await work(world, { at: 0, workers: 1 });
    await sweepPendingCache(service.deps);
    // A run beside may be writing an object, which no worker can claim meanwhile: wait for it.
    const wanted = await service.deps.database.prisma.$queryRaw<unknown[]>`
      select from followed_objects where wanted > fetched
      order by object_type, object_id for update`;
    if (wanted.length === 0 && sandbox.pendingDeliveries().length === 0) return;
  }
  throw new Error('something is still on its way after 20 rounds');
}

/** How the sandbox names the objects that are fetched again. */
const fetched = {
  product: 'products',
  price: 'prices',
  customer: 'customers',
  subscription: 'subscriptions',
  'checkout.session': 'sessions',
  charge: 'charges',
  dispute: 'disputes',
  // No access depends on these.
  invoice: null,
  entitlement_summary: null,
} as const satisfies Record<SyncedType, string | null>;

async function fetchAll(world: World): Promise<void> {
  const { sandbox, service } = world;
  // Only the event shows when slow money arrived.
  const arrivals = sandbox
    .deliveries()
    .filter(({ eventType }) => eventType === 'checkout.session.async_payment_succeeded');
  for (const { eventId } of arrivals) sandbox.resend(eventId);
  if (arrivals.length > 0) await settle(world);
  for (const objectType of syncedTypes) {
    const kind = fetched[objectType];
    if (kind === null) continue;
    for (const { id } of sandbox.objects(kind)[kind]) {
      await syncObject(service.deps, { objectType, objectId: id });
    }
  }
}
