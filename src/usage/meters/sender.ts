import { onBehalfOf } from '../../platform/on-behalf.ts';
import { repeat } from '../../platform/repeat.ts';
import { claimEvents } from './claim.ts';
import { type SendDeps, sendEvent } from './send-event.ts';
import { wakeWaiting } from './wake-waiting.ts';

/** Interval between looks for due events, milliseconds. */
const lookEveryMs = 1_000;

/** Interval between looks for customers of users who had none, milliseconds. */
const wakeEveryMs = 300_000;

/** Starts the process's sender of usage to Stripe's billing meters. */
export function startMeterSender(deps: SendDeps): { stop(): Promise<void> } {
  let isStopped = false;
  const warn = (message: string) => (error: unknown) => {
    deps.logger.warn({ err: error }, message);
  };
  const sending = repeat(
    lookEveryMs,
    () => sendDueEvents(deps, () => isStopped),
    warn('usage could not be reported to Stripe; the next round retries'),
  );
  const waking = repeat(
    wakeEveryMs,
    () => wakeWaiting(deps),
    warn('usage without a customer could not be checked; the next round retries'),
  );
  return {
    async stop() {
      isStopped = true;
      await Promise.all([sending.stop(), waking.stop()]);
    },
  };
}

/** Sends events until none is due or the sender is stopped. */
export async function sendDueEvents(
  deps: SendDeps,
  isStopped: () => boolean = () => false,
): Promise<void> {
  while (!isStopped()) {
    const events = await claimEvents(deps.database, deps.clock());
    if (events.length === 0) return;
    await Promise.all(
      events.map((event) => onBehalfOf(event.projectId, () => sendEvent(deps, event))),
    );
  }
}
