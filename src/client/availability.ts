import { LatchkeyUnavailable } from './problem.ts';
import { unref } from './timer.ts';

/** Interval between probes while the service is unreachable, milliseconds. */
const probeEveryMs = 1_000;

export interface Availability {
  /** Whether requests are worth trying: false while the service is unreachable. */
  isUp: () => boolean;
  /**
   * Begins a request. The returned function notes the request's error, unless the service has recovered since
   * the request began.
   */
  begin(): (error: unknown) => void;
  close(): void;
}

/**
 * Tracks whether the service is reachable. While it is unreachable, sends one probe at a time, and checks do
 * not wait for a response.
 *
 * @param probe sends a request; it throws `LatchkeyUnavailable` while the service is unreachable.
 * @param onChange called once per outage and once per recovery.
 */
export function createAvailability(
  probe: () => Promise<unknown>,
  onChange: (isUp: boolean, reason: unknown) => void,
): Availability {
  let isUp = true;
  let recoveries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  function goDown(reason: unknown): void {
    if (!isUp || isClosed) return;
    isUp = false;
    scheduleProbe();
    onChange(false, reason);
  }

  function scheduleProbe(): void {
    if (isClosed) return;
    timer = setTimeout(
      () => {
        probe().then(goUp, (error: unknown) => {
          // Any other error is a response: the user may be forbidden, but the service is reachable.
          if (error instanceof LatchkeyUnavailable) scheduleProbe();
          else goUp();
        });
      },
      probeEveryMs * (0.75 + Math.random() / 2),
    );
    unref(timer);
  }

  function goUp(): void {
    if (isUp || isClosed) return;
    isUp = true;
    recoveries += 1;
    onChange(true, undefined);
  }

  return {
    isUp: () => isUp,
    begin() {
      const began = recoveries;
      return (error) => {
        if (error instanceof LatchkeyUnavailable && began === recoveries) goDown(error);
      };
    },
    close() {
      // Without probes, each check must send its own request.
      isUp = true;
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
