import { setTimeout as pause } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { createLogThrottle, type LogThrottle } from '../platform/log-throttle.ts';
import { onBehalfOf } from '../platform/on-behalf.ts';
import { repeat } from '../platform/repeat.ts';
import { loadQueueState } from '../webhook/queue-state.ts';
import {
  type Claim,
  type ClaimRequest,
  claimQueued,
  recordFailure,
  renewLeases,
} from '../webhook/sync-queue.ts';
import { isExternalFailure, publicReasonOf, retryAfterMs } from './failures.ts';
import { type SyncDeps, syncObject } from './sync.ts';

/** Maximum numbers of concurrent syncs. The difference is reserved for objects that buyers wait for. */
const concurrency = { others: 8, all: 12 };

/**
 * Retries before a never-seen object, or one that it names, counts as missing: a webhook can arrive before
 * the API shows its object, and a key may be mid-rotation.
 */
const missingTries = 3;

/** Interval at which a worker renews its leases, milliseconds. Less than a third of a lease. */
const renewEveryMs = 3_000;

/** Quiet period after an object's last event before it is claimed, milliseconds. */
const quietMs = 300;

/**
 * Interval at which an idle worker polls for objects that other instances enqueued, milliseconds. It doubles
 * while the queue stays empty.
 */
const idleMs = { first: 200, last: 1_000 };

/**
 * Pause after a round of claims: a multiple of the round's duration, up to a maximum in milliseconds, so that
 * a flood of events does not saturate Postgres with claims.
 */
const claimPause = { times: 4, maxMs: 250 };

/** Age of the last heartbeat at which the worker is considered stuck, milliseconds. */
const maxHeartbeatAgeMs = 60_000;

/** Minimum interval between log lines about an unreachable database, milliseconds. */
const outageWarningEveryMs = 60_000;

export type WorkerDeps = SyncDeps & Pick<Deps, 'monotonic' | 'stripeInBackground'>;

export interface Worker {
  /** Makes the worker poll the queue now. */
  wake(): void;
  /** Returns whether the last heartbeat is recent enough. */
  healthy(): boolean;
  /** Stops claiming and waits for running syncs to finish. */
  stop(): Promise<void>;
}

/** Starts a worker that syncs enqueued objects until it is stopped. */
export function startWorker(deps: WorkerDeps): Worker {
  const running = { buyers: new Set<Promise<void>>(), others: new Set<Promise<void>>() };
  const leased = new Set<Claim>();
  const outages = createLogThrottle(outageWarningEveryMs);
  let stopped = false;
  let heartbeatAt = deps.monotonic();
  let idle = idleMs.first;
  let wokenEarly = false;
  let endSleep = (): void => undefined;

  function wake(): void {
    wokenEarly = true;
    idle = idleMs.first;
    endSleep();
  }

  async function sleep(ms: number): Promise<void> {
    if (!wokenEarly) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        endSleep = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    wokenEarly = false;
  }

  async function startSyncs(of: 'buyers' | 'others'): Promise<number> {
    const free = concurrency.all - running.buyers.size - running.others.size;
    const limit = of === 'buyers' ? free : Math.min(free, concurrency.others - running.others.size);
    const claims = limit <= 0 ? [] : await claim(deps, { limit, of, quietMs }, outages);
    for (const each of claims) {
      leased.add(each);
      const task = syncClaim(deps, each).finally(() => {
        leased.delete(each);
        running[of].delete(task);
        wake();
      });
      running[of].add(task);
    }
    return claims.length;
  }

  async function run(): Promise<void> {
    while (!stopped) {
      heartbeatAt = deps.monotonic();
      const claimed = (await startSyncs('buyers')) + (await startSyncs('others'));
      await pause(Math.min(claimPause.maxMs, claimPause.times * (deps.monotonic() - heartbeatAt)));
      if (claimed === 0) await sleep(idle);
      idle = claimed > 0 ? idleMs.first : Math.min(idle * 2, idleMs.last);
    }
    await Promise.all([...running.buyers, ...running.others]);
  }

  const renewing = repeat(
    renewEveryMs,
    () => renewLeases(deps.database, [...leased], deps.clock()),
    (error) => {
      deps.logger.warn(
        { err: error },
        'could not renew leases; other workers may take over the objects',
      );
    },
  );
  const ended = run();
  return {
    wake,
    healthy: () => deps.monotonic() - heartbeatAt < maxHeartbeatAgeMs,
    async stop() {
      stopped = true;
      wake();
      await ended;
      await renewing.stop();
    },
  };
}

/** Claims objects. Returns none if the database is unreachable. */
async function claim(
  { database, clock, monotonic, logger }: WorkerDeps,
  request: ClaimRequest,
  outages: LogThrottle,
): Promise<Claim[]> {
  try {
    return await claimQueued(database, clock(), request);
  } catch (error) {
    if (outages.next(monotonic()) !== null) {
      logger.warn({ err: error }, 'the sync worker cannot reach the database; it will retry');
    }
    return [];
  }
}

/** Syncs until no enqueued object is due. */
export async function syncAll(deps: WorkerDeps): Promise<void> {
  for (;;) {
    const request = { limit: concurrency.others, of: 'all', quietMs: 0 } as const;
    const claims = await claimQueued(deps.database, deps.clock(), request);
    if (claims.length === 0) return;
    await Promise.all(claims.map((claim) => syncClaim(deps, claim)));
  }
}

/** Measures the length of the queue and the age of its oldest object. */
export async function measureInbox({
  clock,
  database,
  metrics,
}: Pick<Deps, 'clock' | 'database' | 'metrics'>): Promise<void> {
  const { wanted, failed, oldestWantedAt } = await loadQueueState(database);
  metrics.inboxObjects.set({ state: 'wanted' }, wanted);
  metrics.inboxObjects.set({ state: 'failed' }, failed);
  const ageMs = oldestWantedAt === null ? 0 : clock() - oldestWantedAt;
  metrics.inboxOldestWantedSeconds.set(Math.max(0, ageMs / 1000));
}

async function syncClaim(deps: WorkerDeps, claim: Claim): Promise<void> {
  const stripe = claim.urgency === 0 ? deps.stripe : deps.stripeInBackground;
  try {
    const mayAppearLater = claim.isNew && claim.attempts <= missingTries;
    await onBehalfOf(claim.projectId ?? '', () =>
      syncObject({ ...deps, stripe }, claim, mayAppearLater ? 'retry' : 'record'),
    );
    deps.metrics.syncDelaySeconds.observe(
      { urgency: claim.urgency },
      Math.max(0, deps.clock() - claim.wantedAt) / 1_000,
    );
  } catch (error) {
    const now = deps.clock();
    const counts = !isExternalFailure(error);
    const failure = {
      counts,
      retryMs: retryAfterMs(counts, claim.attempts, now - claim.wantedAt),
      error: publicReasonOf(error),
    };
    const failed = await recordFailure(deps.database, claim, failure, now).catch(
      (lost: unknown) => {
        deps.logger.warn(
          { err: lost },
          'could not record a failed sync; it will be retried after its lease expires',
        );
        return false;
      },
    );
    const { objectType, objectId } = claim;
    deps.metrics.syncs.inc({ object_type: objectType, outcome: failed ? 'failed' : 'retried' });
    deps.logger.warn(
      { err: error, objectType, objectId, failed },
      failed
        ? 'an object cannot be synced; it will be retried once an hour'
        : 'a sync failed; it will be retried',
    );
  }
}
