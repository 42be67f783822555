import Stripe from 'stripe';
import {
  type Claim,
  claimWanted,
  loadOldestWantedAt,
  maxAttempts,
  recordFailure,
} from '../webhook/followed.ts';
import { type SyncDeps, syncObject } from './sync.ts';

/** How many objects one process fetches at a time. */
const concurrency = 8;

/** How long a worker sleeps before it looks for what other instances stored: longer the longer nothing came. */
const idleMs = { first: 200, last: 1_000 };

/** Without a heartbeat for so long the worker counts as stuck, milliseconds. */
const heartbeatMs = 60_000;

export interface Worker {
  /** Something is wanted: look now. */
  wake(): void;
  /** Whether the worker came round lately. */
  healthy(now: number): boolean;
  /** Takes nothing new, and ends when what it holds is done. */
  stop(): Promise<void>;
}

/** Fetches wanted objects until stopped. */
export function startWorker(deps: SyncDeps): Worker {
  const running = new Set<Promise<void>>();
  let stopped = false;
  let beatAt = deps.clock();
  let idle = idleMs.first;
  let roused = false;
  let rouse = (): void => undefined;

  function wake(): void {
    roused = true;
    rouse();
  }

  async function sleep(ms: number): Promise<void> {
    if (!roused) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        rouse = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    roused = false;
  }

  function start(claim: Claim): void {
    const task = syncClaim(deps, claim).finally(() => {
      running.delete(task);
      wake();
    });
    running.add(task);
  }

  async function run(): Promise<void> {
    while (!stopped) {
      beatAt = deps.clock();
      const free = concurrency - running.size;
      const claims = free === 0 ? [] : await claim(deps, free);
      claims.forEach(start);
      idle = claims.length > 0 ? idleMs.first : Math.min(idle * 2, idleMs.last);
      if (claims.length < free || free === 0) await sleep(idle);
    }
    await Promise.all(running);
  }

  const ended = run();
  return {
    wake,
    healthy: (now) => now - beatAt < heartbeatMs,
    async stop() {
      stopped = true;
      wake();
      await ended;
    },
  };
}

/** A database that cannot be reached is waited for. */
async function claim(deps: SyncDeps, limit: number): Promise<Claim[]> {
  try {
    return await claimWanted(deps.database, deps.clock(), limit);
  } catch (error) {
    deps.logger.warn({ err: error }, 'the sync worker cannot reach the database; it tries again');
    return [];
  }
}

/** Claims and syncs up to `limit` objects; returns how many were claimed. */
async function syncSome(deps: SyncDeps, limit: number): Promise<number> {
  const claims = await claimWanted(deps.database, deps.clock(), limit);
  await Promise.all(claims.map((claim) => syncClaim(deps, claim)));
  return claims.length;
}

/** Syncs until nothing is wanted that may be tried now. */
export async function syncAll(deps: SyncDeps): Promise<void> {
  while ((await syncSome(deps, concurrency)) > 0);
}

/** Notes how long the oldest wanted object has been waiting. */
export async function measureInbox(deps: SyncDeps): Promise<void> {
  const oldest = await loadOldestWantedAt(deps.database);
  deps.metrics.inboxOldestWantedSeconds.set(
    oldest === null ? 0 : Math.max(0, (deps.clock() - oldest) / 1000),
  );
}

async function syncClaim(deps: SyncDeps, claim: Claim): Promise<void> {
  try {
    await syncObject(deps, claim);
  } catch (error) {
    const now = deps.clock();
    // A rate limit says nothing about the object, so it does not bring it nearer to `failed`.
    const counts = !(error instanceof Stripe.errors.StripeRateLimitError);
    const failed = counts && claim.attempts >= maxAttempts;
    await recordFailure(
      deps.database,
      claim,
      {
        counts,
        nextAttemptAt: failed ? null : now + backOffMs(claim.attempts),
        error: error instanceof Error ? error.message : String(error),
      },
      now,
    ).catch((lost: unknown) => {
      deps.logger.warn({ err: lost }, 'a failed try could not be noted; its lease runs out');
    });
    deps.metrics.syncs.inc({
      object_type: claim.objectType,
      outcome: failed ? 'failed' : 'retried',
    });
    deps.logger.warn(
      { err: error, objectType: claim.objectType, objectId: claim.objectId, failed },
      failed ? 'an object could not be fetched; it waits for news or a replay' : 'a fetch failed',
    );
  }
}

/** 1 s, doubling, up to 10 minutes: twelve tries take about an hour. */
function backOffMs(attempts: number): number {
  return Math.min(1_000 * 2 ** Math.max(0, attempts - 1), 600_000);
}
