import type { Clock } from './clock.ts';

/**
 * Maximum difference that counts as a measurement error, milliseconds. A larger one means that a clock was
 * set or is wrong.
 */
export const maxOffsetMs = 1_000;

/** The sources of time; tests inject their own. */
interface Sources {
  /** Postgres' clock, epoch milliseconds. */
  readDatabase: () => Promise<number>;
  /** The machine's clock, epoch milliseconds. */
  machine: Clock;
  /** A monotonic clock, milliseconds. */
  monotonic: Clock;
}

export interface DatabaseClock {
  /**
   * Returns the current time according to Postgres, epoch milliseconds. It moves backward only if Postgres'
   * clock is set back.
   */
  now: Clock;
  /**
   * Returns how far this machine's clock is ahead of Postgres' clock, milliseconds; null before the first
   * measurement.
   */
  offsetMs(): number | null;
  /**
   * Measures Postgres' clock.
   *
   * @returns how far Postgres' clock was set back after the last measurement, milliseconds; 0 if it was not.
   * @throws if Postgres cannot be reached. The clock keeps running in that case.
   */
  measure(): Promise<number>;
}

/**
 * Creates the clock that all instances of one database share: Postgres' clock, measured periodically and
 * extrapolated with the process's monotonic clock (docs/adr/0013-clocks.md). Setting the machine's clock has
 * no effect. Before the first measurement, the clock shows the machine's time.
 *
 * A measurement is accurate to half its round trip. Smaller differences change nothing. If Postgres' clock is
 * less than a second behind, this clock stands still until Postgres catches up.
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
      // A slow round trip may cause such a difference, so it does not prove that Postgres' clock was set
      // back.
      const wasSetBack = -differsMs > uncertainMs + anchor.uncertainMs;
      anchor = { at, monotonic: answeredAt, uncertainMs };
      if (at >= last - maxOffsetMs) return 0;
      last = -Infinity;
      return wasSetBack ? -differsMs : 0;
    },
  };
}
