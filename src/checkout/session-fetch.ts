import type { CheckoutSession } from '../generated/prisma/client.ts';
import { notFound } from '../http/not-found.ts';
import { type SyncDeps, syncObject } from '../mirror/sync.ts';
import { createSingleFlight } from '../platform/single-flight.ts';
import { askStripe } from './stripe-answer.ts';

/** Period in which a paid session is not fetched again, milliseconds. Success pages poll. */
const freshMs = 5_000;

/** Maximum number of sessions to remember. Those fetched longest ago are evicted. */
const maxRemembered = 10_000;

/**
 * Creates a function that fetches a session from Stripe, applies it and returns its row. Concurrent requests
 * for one session share a fetch that begins after they arrive (single-flight). A completed and paid session
 * no longer changes, so it is not fetched again for a few seconds.
 *
 * @returns a function that throws session_not_found or stripe_unavailable.
 */
export function createSessionFetch(deps: SyncDeps): (id: string) => Promise<CheckoutSession> {
  const shared = createSingleFlight<CheckoutSession>();
  /** When paid sessions were fetched, epoch milliseconds, latest last. */
  const paidAt = new Map<string, number>();

  async function fetchSession(id: string): Promise<CheckoutSession> {
    const now = deps.clock();
    const outcome = await askStripe(deps.logger, 'checkout.sessions.retrieve', () =>
      syncObject(deps, { objectType: 'checkout.session', objectId: id }),
    );
    const session = await loadSession(id);
    if (outcome === 'applied' && isPaid(session)) remember(id, now);
    return session;
  }

  async function loadSession(id: string): Promise<CheckoutSession> {
    const session = await deps.database.prisma.checkoutSession.findUnique({ where: { id } });
    if (session === null) throw notFound('session_not_found', 'id', id);
    return session;
  }

  function remember(id: string, now: number): void {
    paidAt.delete(id);
    paidAt.set(id, now);
    const [oldest] = paidAt.keys();
    if (paidAt.size > maxRemembered && oldest !== undefined) paidAt.delete(oldest);
  }

  return (id) => {
    const age = deps.clock() - (paidAt.get(id) ?? -Infinity);
    return age >= 0 && age < freshMs ? loadSession(id) : shared(id, () => fetchSession(id));
  };
}

function isPaid({ status, paymentStatus }: CheckoutSession): boolean {
  return status === 'complete' && paymentStatus !== 'unpaid';
}
