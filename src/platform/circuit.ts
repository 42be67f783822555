/** One try; says how it ended, so that the circuit knows. */
export interface Attempt {
  succeeded(): void;
  failed(): void;
}

export interface Circuit {
  /** A try that begins at `now` (epoch milliseconds), or null where none should be made. */
  attempt(now: number): Attempt | null;
}

interface CircuitOptions {
  /** After so many failures in a row nothing is tried for a while. */
  failures: number;
  /** How long, milliseconds; then one try tells whether to go on waiting. */
  pauseMs: number;
  onChange: (isOpen: boolean) => void;
}

/**
 * Keeps requests from waiting, one after the other, for something that does not answer.
 *
 * Failures count in a row in time: of tries that overlap, which fail together where this process itself
 * was held up for a moment, only one counts.
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

  /** The clock may be set back; that ends the pause too. */
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
