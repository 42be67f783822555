import { expireSession } from '../checkout/session-end.ts';
import { paySession, type Card } from '../checkout/session-payment.ts';
import { pendingIntentOf, settlePayment } from '../checkout/settlement.ts';
import { need, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/** The actions of a buyer on the checkout page. */
export interface Buyer {
  /** Submits the page. A `declined` card leaves the session open; an `async_…` one completes it unpaid. */
  pay(sessionId: string, options?: { card?: Card; email?: string }): Promise<void>;
  /** Expires the session. */
  expire(sessionId: string): Promise<void>;
  /** Leaves the page without paying. The session stays open until it expires. */
  close(sessionId: string): Promise<void>;
  /**
   * Settles an asynchronous payment now instead of after three days. The payment succeeds if `ok` is true,
   * otherwise it fails.
   */
  settleAsync(sessionId: string, ok: boolean): Promise<void>;
}

/**
 * Creates the buyer's actions.
 * @param act runs a change at the current time and sends its events.
 */
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
          throw invalid(
            `Checkout Session ${sessionId} has no pending payment. Pay it with an async method first.`,
          );
        }
        settlePayment(world, intentId, ok);
      }),
  };
}
