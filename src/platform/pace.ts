import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** Decides how much of each lane's work begins while the event loop is busy. */
export interface Pace {
  /** Notes that a lane is active by work that is never held up. */
  note(lane: string): void;
  /**
   * Charges a lane for work that costs so much, and returns true; false if the work has to wait. Kinds of
   * work of a lane are charged apart, so that what waits of one takes no turns from another.
   */
  admits(lane: string, cost: number, kind?: string): boolean;
}

/** For how long the loop ran, and waited for input, since the process began, milliseconds. */
export interface LoopTimes {
  active: number;
  idle: number;
}

/**
 * Which part of its time the loop may be busy while several lanes are active. Above it, input waits for
 * each other's callbacks, and Postgres for a core if it is on this machine.
 */
const targetUtilization = 0.7;

/** How fast the rate follows: by a factor of e per this time at a difference of 1, milliseconds. */
const followMs = 50;
const sampleMs = 5;

/** What one lane may begin per second of each kind, in units of cost. The least keeps every lane going. */
const rates = { least: 4, most: 10_000 };

/** For how long a lane saves up what it did not use, and counts as active, milliseconds. */
const savedMs = 200;
const activeMs = 1_000;

/**
 * The rate after a sample: it falls while the loop is busier than the target, and rises otherwise. Pure.
 *
 * @param utilization of the loop during the sample, 0 to 1.
 */
export function nextRate(rate: number, utilization: number, sampleMs: number): number {
  const followed = rate * Math.exp(((targetUtilization - utilization) * sampleMs) / followMs);
  return Math.min(rates.most, Math.max(rates.least, followed));
}

interface Lane {
  /** What it may begin of each kind, in units of cost; below 0 after work that cost more than was there. */
  credits: Map<string, number>;
  at: number;
}

/**
 * Creates a pace. Every lane may begin the same amount of work of a kind per second. The rate adapts to
 * the loop, so lanes with little to do never wait, and those with much share what is left. A lane that is
 * active alone never waits.
 */
export function createPace(
  monotonic: Clock = () => performance.now(),
  readLoop: () => LoopTimes = () => performance.eventLoopUtilization(),
): Pace {
  /** Those active lately, the one that was active last at the end. */
  const lanes = new Map<string, Lane>();
  let rate = rates.most;
  let sampled = readLoop();
  let sampledAt = monotonic();

  function sample(now: number): void {
    const elapsedMs = now - sampledAt;
    if (elapsedMs < sampleMs) return;
    const times = readLoop();
    const active = times.active - sampled.active;
    const idle = times.idle - sampled.idle;
    if (active + idle > 0) rate = nextRate(rate, active / (active + idle), elapsedMs);
    sampled = times;
    sampledAt = now;
  }

  function saved(): number {
    return Math.max(1, (rate * savedMs) / 1_000);
  }

  function touch(name: string, now: number): Lane {
    const lane = lanes.get(name) ?? { credits: new Map<string, number>(), at: now };
    const gained = ((now - lane.at) * rate) / 1_000;
    for (const [kind, credit] of lane.credits) {
      lane.credits.set(kind, Math.min(saved(), credit + gained));
    }
    lane.at = now;
    lanes.delete(name);
    lanes.set(name, lane);
    for (const [other, { at }] of lanes) {
      if (now - at < activeMs) break;
      lanes.delete(other);
    }
    return lane;
  }

  return {
    note(name) {
      touch(name, monotonic());
    },
    admits(name, cost, kind = '') {
      const now = monotonic();
      sample(now);
      const { credits } = touch(name, now);
      const credit = credits.get(kind) ?? saved();
      if (lanes.size > 1 && credit <= 0) return false;
      credits.set(kind, credit - cost);
      return true;
    },
  };
}
