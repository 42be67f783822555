import { FairQueue } from './fair-queue.ts';
import type { Pace } from './pace.ts';

export interface FairLimits {
  /** Maximum total cost of the running work of all tenants. */
  capacity: number;
  /** Maximum cost of one tenant's running work. No single task may cost more. */
  capacityPerTenant: number;
  /** Maximum number of queued tasks per tenant. */
  maxWaitingPerTenant: number;
  /** Maximum wait, milliseconds. */
  maxWaitMs: number;
}

/** Thrown if work is rejected because its tenant's queue is full or because it waited too long. */
export class WaitRejected extends Error {
  constructor() {
    super('the project has too much work waiting');
    this.name = 'WaitRejected';
  }
}

/** Runs a tenant's work within the limits. */
export type FairSemaphore = <T>(tenant: string, cost: number, work: () => Promise<T>) => Promise<T>;

/** Interval at which to check again whether the pace admits work, milliseconds. */
const recheckMs = 5;

interface Waiting {
  tenant: string;
  cost: number;
  begin: () => void;
}

/**
 * Creates a semaphore that limits the cost of concurrent work, in total and per tenant. Excess work waits and
 * is admitted round-robin by tenant, so a busy tenant delays the others at most by its running work.
 *
 * @param pace also decides when a tenant's next work may begin.
 */
export function createFairSemaphore(rule: FairLimits, pace: Pick<Pace, 'admits'>): FairSemaphore {
  const { capacity, capacityPerTenant, maxWaitingPerTenant, maxWaitMs } = rule;
  const waiting = new FairQueue<Waiting>();
  const runningIn = new Map<string, number>();
  let running = 0;
  let isDue = false;
  let pause: NodeJS.Timeout | undefined;

  function fits(cost: number): boolean {
    return running + cost <= capacity;
  }

  function isWithinShare(tenant: string, cost: number): boolean {
    return (runningIn.get(tenant) ?? 0) + cost <= capacityPerTenant;
  }

  function add(tenant: string, cost: number): void {
    running += cost;
    const ofTenant = (runningIn.get(tenant) ?? 0) + cost;
    if (ofTenant === 0) runningIn.delete(tenant);
    else runningIn.set(tenant, ofTenant);
  }

  function beginNext(): void {
    isDue = false;
    let isFull = false;
    for (;;) {
      const next = waiting.draw((tenant, { cost }) => {
        if (isFull || !isWithinShare(tenant, cost)) return false;
        // Stops here: otherwise light work of other tenants would fill every free slot and starve this heavy
        // work.
        isFull = !fits(cost);
        if (isFull) return false;
        if (pace.admits(tenant, cost)) return true;
        pause ??= setTimeout(resume, recheckMs);
        return false;
      });
      if (next === undefined) return;
      add(next.tenant, next.cost);
      next.begin();
    }
  }

  function resume(): void {
    pause = undefined;
    beginNext();
  }

  function end(tenant: string, cost: number): void {
    add(tenant, -cost);
    if (isDue || waiting.size === 0) return;
    isDue = true;
    // Lets the event loop read pending input first, so that a tenant's work does not run back to back.
    setImmediate(beginNext);
  }

  async function wait(tenant: string, cost: number): Promise<void> {
    if (waiting.sizeOf(tenant) >= maxWaitingPerTenant) throw new WaitRejected();
    await new Promise<void>((resolve, reject) => {
      const item: Waiting = {
        tenant,
        cost,
        begin() {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        waiting.delete(tenant, item);
        reject(new WaitRejected());
        beginNext();
      }, maxWaitMs);
      waiting.add(tenant, item);
      if (!isDue) beginNext();
    });
  }

  return async (tenant, cost, work) => {
    const isFree = waiting.size === 0 && fits(cost) && isWithinShare(tenant, cost);
    if (isFree && pace.admits(tenant, cost)) add(tenant, cost);
    else await wait(tenant, cost);
    try {
      return await work();
    } finally {
      end(tenant, cost);
    }
  };
}
