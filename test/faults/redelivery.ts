import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** How often given-up events are looked for, milliseconds. */
const everyMs = 5_000;

/** Resends events that the sandbox gave up after half a minute: Stripe retries for three days. */
export function keepDelivering(sandbox: Sandbox): { stop(): Promise<void> } {
  const timer = setInterval(() => {
    for (const id of givenUp(sandbox)) sandbox.resend(id);
  }, everyMs);
  return {
    stop() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

/** Returns events that were not delivered and are not being retried. */
function givenUp(sandbox: Sandbox): string[] {
  const byEvent = Map.groupBy(sandbox.deliveries(), ({ eventId }) => eventId);
  return [...byEvent]
    .filter(([, deliveries]) => deliveries.every(({ status }) => status === 'failed'))
    .map(([id]) => id);
}
