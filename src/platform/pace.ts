import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** Limits how much of each lane's work begins while the event loop is busy. */
export interface Pace {
  /** Marks a lane as active because of work that is never delayed. */
  note(lane: string): void;
  /**
   * Charges a lane for work of this cost. Returns false if the work must wait. Kinds of work are charged
   * separately, so that waiting work of one kind does not delay another.
   */
  admits(lane: string, cost: number, kind?: string): boolean;
}

/** Active and idle time of the loop since the process started, milliseconds. */
export interface LoopTimes {
  active: number;
  idle: number;
}

/**
 * The target utilization of the loop while several lanes are active. Above it, callbacks delay each other,
 * and a Postgres on this machine lacks a core.
 */
const targetUtilization = 0.6;

/**
 * Time constant of the rate, milliseconds: at a difference of 1, the rate changes by a factor of e in this
 * time.
 */
const followMs = 50;
const sampleMs = 5;

/**
 * The work that one lane may begin per second of each kind, in units of cost. The minimum keeps every lane
 * moving.
 */
const rates = { min: 2, max: 10_000 };

/** Period for which a lane saves up unused rate, and counts as active, milliseconds. */
const savedMs = 200;
const activeMs = 1_000;

/**
 * Returns the rate after a sample. It falls while the loop is busier than the target, and rises otherwise.
 * Pure.
 *
 * @param utilization of the loop during the sample, 0 to 1.
 */
export function nextRate(rate: number, utilization: number, sampleMs: number): number {
  const followed = rate * Math.exp(((targetUtilization - utilization) * sampleMs) / followMs);
  return Math.min(rates.max, Math.max(rates.min, followed));
}

interface Lane {
  /** The remaining allowance per kind, in units of cost; negative after work that cost more. */
  credits: Map<string, number>;
  at: number;
}

/**
 * Creates a pace. Every lane may begin the same amount of work of a kind per second. The rate adapts to the
 * loop, so lanes with little work never wait, and busy lanes share the rest. A lane that is active alone
 * never waits, and what it does then is not held against it later.
 */
export function createPace(
  monotonic: Clock = () => performance.now(),
  readLoop: () => LoopTimes = () => performance.eventLoopUtilization(),
): Pace {
  /** The recently active lanes, in order of activity, the latest last. */
  const lanes = new Map<string, Lane>();
  let rate = rates.max;
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
      const isAlone = lanes.size === 1;
      if (!isAlone && credit <= 0) return false;
      // A lane that is alone incurs no debt: otherwise the first work of another lane would stop it until its
      // whole past was repaid.
      credits.set(kind, isAlone ? Math.max(0, credit - cost) : credit - cost);
      return true;
    },
  };
}
