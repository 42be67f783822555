import { LatchkeyUnavailable } from './problem.ts';
import { unref } from './stream.ts';

/** Interval between probes while the service is unreachable, milliseconds. */
const probeEveryMs = 1_000;

export interface Availability {
  /** Whether requests are worth trying: false while the service is unreachable. */
  isUp(): boolean;
  /** Notes the outcome of a request. */
  note(error: unknown): void;
  close(): void;
}

/**
 * Tracks whether the service is reachable. While it is not, one probe at a time looks for it, and nobody
 * else waits.
 *
 * @param probe sends a request; it throws `LatchkeyUnavailable` while the service is away.
 * @param onChange called once per outage and once per recovery.
 */
export function createAvailability(
  probe: () => Promise<unknown>,
  onChange: (isUp: boolean, reason: unknown) => void,
): Availability {
  let up = true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  function goDown(reason: unknown): void {
    if (!up) return;
    up = false;
    onChange(false, reason);
    scheduleProbe();
  }

  function scheduleProbe(): void {
    if (isClosed) return;
    timer = setTimeout(
      () => {
        probe().then(goUp, (error: unknown) => {
          if (error instanceof LatchkeyUnavailable) scheduleProbe();
          else goUp();
        });
      },
      probeEveryMs * (0.75 + Math.random() / 2),
    );
    unref(timer);
  }

  function goUp(): void {
    if (up || isClosed) return;
    up = true;
    onChange(true, undefined);
  }

  return {
    isUp: () => up,
    note(error) {
      if (error instanceof LatchkeyUnavailable) goDown(error);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
