/** One attempt. Report its outcome to the circuit. */
export interface Attempt {
  succeeded(): void;
  failed(): void;
}

export interface Circuit {
  /**
   * Begins an attempt at `now` (milliseconds). Returns null while the circuit is open, or while the single
   * attempt after its pause is running.
   */
  attempt(now: number): Attempt | null;
}

interface CircuitOptions {
  /** Number of consecutive failures after which the circuit opens. */
  failures: number;
  /** How long the circuit stays open before it admits a single attempt, milliseconds. */
  pauseMs: number;
  onChange: (isOpen: boolean) => void;
}

/**
 * Creates a circuit breaker, so that requests do not each wait for a dependency that does not respond.
 *
 * The circuit opens after consecutive failures. Overlapping attempts that fail count as a single failure,
 * because they fail together whenever this process is blocked.
 */
export function createCircuit({ failures, pauseMs, onChange }: CircuitOptions): Circuit {
  let failedInARow = 0;
  let openedAt: number | null = null;
  let probing = false;

  function open(now: number): void {
    if (openedAt === null) onChange(true);
    openedAt = now;
  }

  function close(): void {
    failedInARow = 0;
    if (openedAt === null) return;
    openedAt = null;
    onChange(false);
  }

  /** Returns whether the circuit admits no attempt yet. Setting the clock back ends the pause. */
  function isPaused(now: number): boolean {
    return openedAt !== null && now >= openedAt && now < openedAt + pauseMs;
  }

  return {
    attempt(now) {
      const isProbe = openedAt !== null;
      if (isProbe && (probing || isPaused(now))) return null;
      probing = isProbe;
      const failedBefore = failedInARow;
      return {
        succeeded() {
          if (isProbe) probing = false;
          close();
        },
        failed() {
          if (isProbe) probing = false;
          if (failedInARow !== failedBefore) return;
          failedInARow += 1;
          if (failedInARow >= failures) open(now);
        },
      };
    },
  };
}
