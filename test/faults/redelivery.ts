import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** How often what was given up is looked for, milliseconds. */
const everyMs = 5_000;

/** Sends events that the sandbox gave up after half a minute once more: Stripe tries for three days. */
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

/** Events that were not taken and are not on their way. */
function givenUp(sandbox: Sandbox): string[] {
  const byEvent = Map.groupBy(sandbox.deliveries(), ({ eventId }) => eventId);
  return [...byEvent]
    .filter(([, deliveries]) => deliveries.every(({ status }) => status === 'failed'))
    .map(([id]) => id);
}
