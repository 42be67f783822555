import type { AppDeps } from '../../../src/app.ts';
import { sweepBehindCatalog, sweepPendingCache } from '../../../src/entitlements/refresh/sweeps.ts';
import { applySnapshot } from '../../../src/mirror/apply.ts';
import { fetchSnapshot } from '../../../src/mirror/fetch.ts';
import { syncAll } from '../../../src/mirror/worker.ts';
import { drawNumber } from '../../../src/webhook/fetch-numbers.ts';
import { claimQueued } from '../../../src/webhook/sync-queue.ts';
import type { World } from './world.ts';

/** The steps after which a worker dies. Each leaves only the effects of the previous step. */
const deaths = ['claimed', 'fetched', 'in_transaction', 'committed'] as const;

/** Disturbances between Stripe and the answer, during the action or after it. */
export const ways = [
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

/** How a step ends, and where. */
export interface WayOfStep {
  way: (typeof ways)[number];
  /** The instance that acts and works; what it does shows on the other. */
  at: number;
  /** Two or three workers instead of one. */
  workers: number;
}

/** The instance that a step is played on, and the other. */
export function instancesOf({ instances: [first, second] }: World, { at }: Pick<WayOfStep, 'at'>) {
  return at === 0 ? ([first, second] as const) : ([second, first] as const);
}

/** Lets happen what a step's way says. */
export async function goWay(world: World, step: WayOfStep): Promise<void> {
  const { way, workers } = step;
  const { sandbox } = world;
  const [{ deps }] = instancesOf(world, step);
  switch (way) {
    case 'nothing':
    case 'work_at_once':
      return;
    case 'deliver':
    case 'lose':
      return sandbox.deliver();
    case 'work':
      return work(world, step);
    case 'deliver_and_work':
      await Promise.all([sandbox.deliver(), work(world, step)]);
      return;
    case 'die_claimed':
    case 'die_fetched':
    case 'die_in_transaction':
    case 'die_committed':
      await sandbox.deliver();
      return die(deps, deaths[ways.indexOf(way) - ways.indexOf('die_claimed')] ?? 'claimed');
    case 'stripe_limits':
    case 'stripe_fails':
      sandbox.faults.api({ status: way === 'stripe_limits' ? 429 : 500, times: workers });
      await sandbox.deliver();
      return work(world, step);
    case 'sweep':
      await sweepPendingCache(deps);
      await sweepBehindCatalog(deps);
      return;
    default:
      return way satisfies never;
  }
}

/** Lets workers sync all that may be tried now, each on the instance that the one before it is not on. */
export async function work(world: World, { at, workers }: Omit<WayOfStep, 'way'>): Promise<void> {
  await Promise.all(
    Array.from({ length: workers }, (_, n) => {
      const [{ deps }] = instancesOf(world, { at: (at + n) % 2 });
      // A refused request is left to the queue's retries, which this tests.
      return syncAll({ ...deps, stripe: deps.stripeInBackground });
    }),
  );
}

/** A worker syncs the enqueued objects, and is killed during each of them. */
async function die(deps: AppDeps, where: (typeof deaths)[number]): Promise<void> {
  const claims = await claimQueued(deps.database, deps.clock(), {
    limit: 8,
    of: 'all',
    quietMs: 0,
  });
  if (where === 'claimed') return;
  for (const claim of claims) {
    const number = await drawNumber(deps.database);
    const snapshot = await fetchSnapshot(deps.stripeInBackground, claim).catch(() => null);
    if (where === 'fetched' || snapshot === null) continue;
    await applySnapshot(
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
      snapshot,
      number,
    ).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
  }
}

class Killed extends Error {}
