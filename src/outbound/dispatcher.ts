import { setTimeout as pause } from 'node:timers/promises';
import { type ReadDeps, readEntitlements } from '../entitlements/read/read-entitlements.ts';
import type { EntitlementsBody } from '../entitlements/core/answer.ts';
import { createLogThrottle } from '../platform/log-throttle.ts';
import { repeat } from '../platform/repeat.ts';
import { type Claim, claimDeliveries } from './claim.ts';
import { bodyOf } from './core/message.ts';
import { fanOut, type FanOutDeps } from './fan-out.ts';
import { liveSecrets } from './secrets.ts';
import { recordAttempt, type RecordDeps } from './record-attempt.ts';
import { attemptTimeoutMs, type Sender } from './send.ts';

/** Maximum number of concurrent attempts per process. */
const maxAttempts = 200;

/** Interval at which a process looks for work without a wake-up, milliseconds. */
const pollEveryMs = 1_000;

/** Pause after each round: `times` the duration of the round, at most `maxMs`. */
const rest = { times: 2, maxMs: 100 };

/** Minimum time between two log lines about failures of this service during attempts, milliseconds. */
const reportEveryMs = 60_000;

export interface DispatchDeps extends FanOutDeps, RecordDeps, ReadDeps {
  sender: Sender;
}

export interface Dispatcher {
  /** Looks for changes and due deliveries now. */
  wake(): void;
  /** Stops claiming, aborts the running attempts, and releases their leases. */
  stop(): Promise<void>;
}

/**
 * Starts the process's dispatcher of webhooks: one loop writes deliveries, another attempts them.
 *
 * @param max maximum number of concurrent attempts.
 */
export function startDispatcher(deps: DispatchDeps, max = maxAttempts): Dispatcher {
  const stopped = new AbortController();
  const running = new Map<string, number>();
  const tasks = new Set<Promise<void>>();
  const deliver = createDeliver(deps, stopped.signal);

  async function write(): Promise<void> {
    const remains = await rested(async () => {
      const more = await fanOut(deps);
      attempting.wake();
      return more;
    });
    if (remains) writing.wake();
  }

  async function attempt(): Promise<void> {
    const claims = await claimDeliveries(deps.database, deps.clock(), { max, running });
    for (const claim of claims) start(claim);
  }

  /** Runs `work`, then pauses, so that wake-ups in quick succession share a round. */
  async function rested<T>(work: () => Promise<T>): Promise<T> {
    const begunAt = deps.monotonic();
    const result = await work();
    await pause(Math.min(rest.maxMs, rest.times * (deps.monotonic() - begunAt)));
    return result;
  }

  function start(claim: Claim): void {
    const { projectId } = claim;
    running.set(projectId, (running.get(projectId) ?? 0) + 1);
    const task = deliver(claim).finally(() => {
      tasks.delete(task);
      const left = (running.get(projectId) ?? 1) - 1;
      if (left === 0) running.delete(projectId);
      else running.set(projectId, left);
      attempting.wake();
    });
    tasks.add(task);
  }

  const warn = (message: string) => (error: unknown) => {
    deps.logger.warn({ err: error }, message);
  };
  const writing = repeat(
    pollEveryMs,
    write,
    warn('webhooks could not be written; the next round retries'),
  );
  const attempting = repeat(
    pollEveryMs,
    () => rested(attempt),
    warn('webhooks could not be dispatched; the next round retries'),
  );
  return {
    wake: () => {
      writing.wake();
    },
    async stop() {
      stopped.abort();
      await Promise.all([writing.stop(), attempting.stop()]);
      await Promise.all(tasks);
    },
  };
}

/**
 * Writes and attempts deliveries until every published change was read and no delivery is due.
 *
 * @param max maximum number of concurrent attempts.
 */
export async function dispatchAll(deps: DispatchDeps, max = maxAttempts): Promise<void> {
  const deliver = createDeliver(deps, new AbortController().signal);
  for (;;) {
    const remains = await fanOut(deps);
    const capacity = { max, running: new Map<string, number>() };
    const claims = await claimDeliveries(deps.database, deps.clock(), capacity);
    await Promise.all(claims.map(deliver));
    if (claims.length === 0 && !remains) return;
  }
}

/**
 * Creates the function that attempts a delivery and records the result. If this fails before the result is
 * recorded, the delivery is claimed again once its lease expires.
 */
function createDeliver(deps: DispatchDeps, stopped: AbortSignal) {
  const failures = createLogThrottle(reportEveryMs);
  return async (claim: Claim): Promise<void> => {
    try {
      const message = {
        ...{ url: claim.url, id: claim.messageId, body: await bodyFor(deps, claim) },
        secrets: liveSecrets(claim, deps.clock()),
      };
      // After a slow read, the attempt could outlast the lease and overlap with the attempt of the next claim.
      const isLate = deps.clock() + attemptTimeoutMs > claim.leasedUntil.getTime();
      const attempt = isLate ? undefined : await deps.sender.send(message, stopped);
      if (attempt === undefined) await release(deps, claim);
      else await recordAttempt(deps, claim, attempt);
    } catch (error) {
      if (failures.next(performance.now()) === null) return;
      deps.logger.warn(
        { err: error, deliveryId: claim.id },
        'a webhook could not be attempted or recorded; it is attempted again after its lease',
      );
    }
  };
}

async function bodyFor(deps: DispatchDeps, claim: Claim): Promise<string> {
  const { data, type, projectId } = claim;
  const { answer } = await readEntitlements(
    deps,
    { projectId, userId: data.user_id },
    { minRevision: data.revision, strong: false },
  );
  const current = JSON.parse(answer.bodyText) as EntitlementsBody; // written by finishAnswer
  return bodyOf({ type, timestamp: data.recorded_at, data }, current);
}

async function release({ database }: DispatchDeps, claim: Claim): Promise<void> {
  await database.pool.query(
    'update webhook_deliveries set leased_until = null where id = $1 and leased_until = $2',
    [claim.id, claim.leasedUntil],
  );
}
