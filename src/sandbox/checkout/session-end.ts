import { emit } from '../state/events.ts';
import type { CheckoutSession } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/** Expires an open session. */
export function expireSession(world: World, session: CheckoutSession): void {
  if (session.status !== 'open') {
    throw invalid(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ${String(session.status)}.`,
    );
  }
  session.status = 'expired';
  session.url = null;
  emit(world, 'checkout.session.expired', session);
}
