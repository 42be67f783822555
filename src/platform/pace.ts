import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** Limits how much of each tenant's work begins while the event loop is busy. */
export interface Pace {
  /** Marks a tenant as active because of work that is never delayed. */
  note(tenant: string): void;
  /**
   * Charges a tenant for work of this cost. Returns false if the work must wait. Each kind of work is charged
   * separately, so that waiting work of one kind does not delay another.
   */
  admits(tenant: string, cost: number, kind?: string): boolean;
}

/** Active and idle time of the event loop from the start of the process, milliseconds. */
export interface LoopTimes {
  active: number;
  idle: number;
}

/**
 * The target utilization of the loop while several tenants are active. Above it, callbacks delay each other,
 * and a Postgres server on the same machine lacks CPU time.
 */
const targetUtilization = 0.6;

/**
 * Time constant of the rate, milliseconds. With a utilization that is 1 off the target, the rate changes by a
 * factor of e in this time.
 */
const followMs = 50;
const sampleMs = 5;

/**
 * Bounds of the rate at which a tenant may begin one kind of work, in units of cost per second. The minimum
 * lets every tenant make progress.
 */
const rates = { min: 2, max: 10_000 };

/** How long a tenant accumulates unused allowance, and counts as active after its last work, milliseconds. */
const savedMs = 200;
const activeMs = 1_000;

/**
 * Returns the rate after a sample. It falls while the loop is busier than the target, and otherwise rises.
 * Pure.
 *
 * @param utilization the loop's utilization during the sample, from 0 to 1.
 */
export function nextRate(rate: number, utilization: number, sampleMs: number): number {
  const followed = rate * Math.exp(((targetUtilization - utilization) * sampleMs) / followMs);
  return Math.min(rates.max, Math.max(rates.min, followed));
}

interface Tenant {
  /** The remaining allowance per kind, in units of cost. Negative after work that cost more. */
  credits: Map<string, number>;
  at: number;
}

/**
 * Creates a `Pace`. All tenants may begin work of a kind at the same rate. The rate adapts to the loop, so
 * tenants with little work never wait, and busy tenants share the rest. A tenant that is the only active one
 * never waits and incurs no debt.
 */
export function createPace(
  monotonic: Clock = () => performance.now(),
  readLoop: () => LoopTimes = () => performance.eventLoopUtilization(),
): Pace {
  /** The recently active tenants, ordered by last activity, latest last. */
  const tenants = new Map<string, Tenant>();
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

  function touch(name: string, now: number): Tenant {
    const tenant = tenants.get(name) ?? { credits: new Map<string, number>(), at: now };
    const gained = ((now - tenant.at) * rate) / 1_000;
    for (const [kind, credit] of tenant.credits) {
      tenant.credits.set(kind, Math.min(saved(), credit + gained));
    }
    tenant.at = now;
    tenants.delete(name);
    tenants.set(name, tenant);
    for (const [other, { at }] of tenants) {
      if (now - at < activeMs) break;
      tenants.delete(other);
    }
    return tenant;
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
      const isAlone = tenants.size === 1;
      if (!isAlone && credit <= 0) return false;
      // The only active tenant incurs no debt. Otherwise its work would have to wait for the debt to be
      // repaid as soon as another tenant becomes active.
      credits.set(kind, isAlone ? Math.max(0, credit - cost) : credit - cost);
      return true;
    },
  };
}
