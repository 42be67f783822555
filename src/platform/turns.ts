import { Lanes } from './lanes.ts';
import type { Pace } from './pace.ts';

export interface TurnRule {
  /** Maximum cost of running work, over all lanes. */
  capacity: number;
  /** Maximum cost of one lane's running work. No single task may cost more. */
  capacityPerLane: number;
  /** Maximum number of queued tasks per lane. */
  maxWaitingPerLane: number;
  /** Maximum wait, milliseconds. */
  maxWaitMs: number;
}

/** Thrown if work is rejected: its lane is full, or it waited too long. */
export class NoTurn extends Error {
  constructor() {
    super('the wait for a turn was too long');
    this.name = 'NoTurn';
  }
}

/** Runs work of a lane within the limits. */
export type TakeTurn = <T>(lane: string, cost: number, work: () => Promise<T>) => Promise<T>;

/** Interval at which the pace is checked again, milliseconds. */
const pauseMs = 5;

interface Waiting {
  lane: string;
  cost: number;
  begin: () => void;
}

/**
 * Bounds the cost of concurrent work, in total and per lane. Further work waits in its lane, and lanes take
 * turns, so a busy lane delays the others by no more than its running work. No lane overtakes the one whose
 * turn it is.
 *
 * @param pace decides in addition when a lane's next work may begin.
 */
export function createTurns(rule: TurnRule, pace: Pick<Pace, 'admits'>): TakeTurn {
  const { capacity, capacityPerLane, maxWaitingPerLane, maxWaitMs } = rule;
  const waiting = new Lanes<Waiting>();
  const runningIn = new Map<string, number>();
  let running = 0;
  let isDue = false;
  let pause: NodeJS.Timeout | undefined;

  function fits(cost: number): boolean {
    return running + cost <= capacity;
  }

  function isWithinShare(lane: string, cost: number): boolean {
    return (runningIn.get(lane) ?? 0) + cost <= capacityPerLane;
  }

  function add(lane: string, cost: number): void {
    running += cost;
    const inLane = (runningIn.get(lane) ?? 0) + cost;
    if (inLane === 0) runningIn.delete(lane);
    else runningIn.set(lane, inLane);
  }

  function beginNext(): void {
    isDue = false;
    let isFull = false;
    for (;;) {
      const next = waiting.draw((lane, { cost }) => {
        if (isFull || !isWithinShare(lane, cost)) return false;
        // Otherwise light work of other lanes would take every free slot and starve heavy work.
        isFull = !fits(cost);
        if (isFull) return false;
        if (pace.admits(lane, cost)) return true;
        pause ??= setTimeout(resume, pauseMs);
        return false;
      });
      if (next === undefined) return;
      add(next.lane, next.cost);
      next.begin();
    }
  }

  function resume(): void {
    pause = undefined;
    beginNext();
  }

  function end(lane: string, cost: number): void {
    add(lane, -cost);
    if (isDue || waiting.size === 0) return;
    isDue = true;
    // Pending input is read in between, so that one lane's work never runs back to back.
    setImmediate(beginNext);
  }

  async function wait(lane: string, cost: number): Promise<void> {
    if (waiting.sizeOf(lane) >= maxWaitingPerLane) throw new NoTurn();
    await new Promise<void>((resolve, reject) => {
      const item: Waiting = {
        lane,
        cost,
        begin() {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        waiting.delete(lane, item);
        reject(new NoTurn());
        beginNext();
      }, maxWaitMs);
      waiting.add(lane, item);
      if (!isDue) beginNext();
    });
  }

  return async (lane, cost, work) => {
    const isFree = waiting.size === 0 && fits(cost) && isWithinShare(lane, cost);
    if (isFree && pace.admits(lane, cost)) add(lane, cost);
    else await wait(lane, cost);
    try {
      return await work();
    } finally {
      end(lane, cost);
    }
  };
}
