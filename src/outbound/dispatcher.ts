import { setTimeout as pause } from 'node:timers/promises';
import { type ReadDeps, readEntitlements } from '../entitlements/read/read-entitlements.ts';
import type { EntitlementsBody } from '../entitlements/core/answer.ts';
import { repeat } from '../platform/repeat.ts';
import { type Claim, claimDeliveries } from './claim.ts';
import { bodyOf } from './core/message.ts';
import { fanOut, type FanOutDeps } from './fan-out.ts';
import { liveSecrets } from './secrets.ts';
import { recordAttempt, type RecordDeps } from './record-attempt.ts';
import type { Sender } from './send.ts';

/** Maximum number of concurrent attempts of one process. */
const maxAttempts = 200;

/** Interval at which a process looks for due deliveries without a wake-up, milliseconds. */
const pollEveryMs = 1_000;

/** Pause after a round, a multiple of its duration, up to a maximum in milliseconds. */
const rest = { times: 2, maxMs: 100 };

export interface DispatchDeps extends FanOutDeps, RecordDeps, ReadDeps {
  sender: Sender;
}

export interface Dispatcher {
  /** Looks for due deliveries now. */
  wake(): void;
  /** Claims no more, ends the running attempts, and releases their leases. */
  stop(): Promise<void>;
}

/** Starts the process's dispatcher of webhooks. */
export function startDispatcher(deps: DispatchDeps): Dispatcher {
  const stopped = new AbortController();
  const running = new Map<string, number>();
  const tasks = new Set<Promise<void>>();

  async function round(): Promise<void> {
    const begunAt = deps.monotonic();
    const remains = await fanOut(deps);
    const claims = await claimDeliveries(deps.database, deps.clock(), {
      max: maxAttempts,
      running,
    });
    for (const claim of claims) start(claim);
    await pause(Math.min(rest.maxMs, rest.times * (deps.monotonic() - begunAt)));
    if (remains) loop.wake();
  }

  function start(claim: Claim): void {
    const { projectId } = claim;
    running.set(projectId, (running.get(projectId) ?? 0) + 1);
    const task = deliver(deps, claim, stopped.signal).finally(() => {
      tasks.delete(task);
      const left = (running.get(projectId) ?? 1) - 1;
      if (left === 0) running.delete(projectId);
      else running.set(projectId, left);
      loop.wake();
    });
    tasks.add(task);
  }

  const loop = repeat(pollEveryMs, round, (error) => {
    deps.logger.warn({ err: error }, 'webhooks could not be dispatched; the next round retries');
  });
  return {
    wake: () => {
      loop.wake();
    },
    async stop() {
      stopped.abort();
      await loop.stop();
      await Promise.all(tasks);
    },
  };
}

/** Dispatches until no delivery is due. */
export async function dispatchAll(deps: DispatchDeps): Promise<void> {
  for (;;) {
    const remains = await fanOut(deps);
    const claims = await claimDeliveries(deps.database, deps.clock(), {
      max: maxAttempts,
      running: new Map(),
    });
    await Promise.all(claims.map((claim) => deliver(deps, claim, new AbortController().signal)));
    if (claims.length === 0 && !remains) return;
  }
}

/** Attempts a delivery and records the result. A failure on our side leaves it to the next claim. */
async function deliver(deps: DispatchDeps, claim: Claim, stopped: AbortSignal): Promise<void> {
  try {
    const body = await bodyFor(deps, claim);
    const attempt = await deps.sender.send(
      {
        url: claim.url,
        id: claim.messageId,
        body,
        secrets: liveSecrets(claim, deps.clock()),
      },
      stopped,
    );
    if (attempt === undefined) await release(deps, claim);
    else await recordAttempt(deps, claim, attempt);
  } catch (error) {
    deps.logger.warn(
      { err: error, deliveryId: claim.id },
      'a webhook could not be attempted or recorded; it is attempted again after its lease',
    );
  }
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
