import type { Clock } from './clock.ts';

/** Differences above this are no measurement error, milliseconds: a clock was set, or runs wrong. */
export const maxOffsetMs = 1_000;

/** What the process's instants are made of; injected in tests. */
interface Sources {
  /** Postgres' clock, epoch milliseconds. */
  readDatabase: () => Promise<number>;
  /** The machine's clock, epoch milliseconds. */
  machine: Clock;
  /** A monotonic clock, milliseconds. */
  monotonic: Clock;
}

export interface DatabaseClock {
  /** Now, by Postgres' clock, epoch milliseconds. Never goes back, but where Postgres' clock was set back. */
  now: Clock;
  /** By how much the machine's clock is ahead of Postgres', milliseconds; null: not measured yet. */
  offsetMs(): number | null;
  /**
   * Compares the clocks.
   *
   * @returns by how much Postgres' clock was set back since the last time, milliseconds; 0: it was not.
   * @throws where Postgres cannot be asked; the clock runs on then.
   */
  measure(): Promise<number>;
}

/**
 * The clock of all instances of one database: Postgres' clock, measured now and then, and carried on by
 * the process's monotonic clock in between (docs/adr/0013-clocks.md). Setting the machine's clock changes
 * nothing. Until the first measurement it is the machine's.
 *
 * Postgres was asked and answered within one trip, so its clock is known to half of that. A measurement
 * that the clock agrees with that far changes nothing; one behind it, by less than a second, holds the
 * clock until the time has come.
 */
export function createDatabaseClock({ readDatabase, machine, monotonic }: Sources): DatabaseClock {
  let anchor = { at: machine(), monotonic: monotonic(), uncertainMs: Infinity };
  let last = -Infinity;
  let offset: number | null = null;

  function computed(): number {
    return anchor.at + (monotonic() - anchor.monotonic);
  }

  return {
    now() {
      last = Math.max(last, Math.floor(computed()));
      return last;
    },
    offsetMs: () => offset,
    async measure() {
      const askedAt = monotonic();
      const read = await readDatabase();
      const answeredAt = monotonic();
      const uncertainMs = (answeredAt - askedAt) / 2;
      const at = read + uncertainMs;
      offset = machine() - at;
      const differsMs = at - computed();
      const knownToMs = Math.abs(differsMs) + uncertainMs;
      if (Math.abs(differsMs) <= uncertainMs) {
        anchor.uncertainMs = Math.min(anchor.uncertainMs, knownToMs);
        return 0;
      }
      // After a slow trip the clock itself may have been ahead, and Postgres' was not set back.
      const wasSetBack = -differsMs > uncertainMs + anchor.uncertainMs;
      anchor = { at, monotonic: answeredAt, uncertainMs };
      if (at >= last - maxOffsetMs) return 0;
      last = -Infinity;
      return wasSetBack ? -differsMs : 0;
    },
  };
}
