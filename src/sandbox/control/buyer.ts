import { expireSession } from '../checkout/session-end.ts';
import { paySession, type Card } from '../checkout/session-payment.ts';
import { pendingIntentOf, settlePayment } from '../checkout/settlement.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/** What a person at the checkout page can do. */
export interface Buyer {
  /** Submits the page. `declined` leaves the session open; the `async_…` ones complete it unpaid. */
  pay(sessionId: string, options?: { card?: Card; email?: string }): Promise<void>;
  /** The session's time is up. */
  expire(sessionId: string): Promise<void>;
  /** The page is left without paying: nothing changes until the session expires. */
  close(sessionId: string): Promise<void>;
  /** A slow payment arrives (`ok`) or not, now instead of after three days. */
  settleAsync(sessionId: string, ok: boolean): Promise<void>;
}

/** @param act runs a change as of now, and makes it known. */
export function createBuyer(world: World, act: (work: () => void) => Promise<void>): Buyer {
  const sessionOf = (id: string) => need(world.tables.sessions, 'checkout.session', id);
  return {
    pay: (sessionId, { card = 'ok', email } = {}) =>
      act(() => {
        paySession(world, sessionOf(sessionId), card, email);
      }),
    expire: (sessionId) =>
      act(() => {
        expireSession(world, sessionOf(sessionId));
      }),
    close: (sessionId) =>
      act(() => {
        sessionOf(sessionId);
      }),
    settleAsync: (sessionId, ok) =>
      act(() => {
        const intentId = pendingIntentOf(world, sessionOf(sessionId));
        if (intentId === undefined) {
          throw invalid(`No payment of ${sessionId} is on its way.`);
        }
        settlePayment(world, intentId, ok);
      }),
  };
}
