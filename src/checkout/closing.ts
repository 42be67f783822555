import Stripe from 'stripe';
import { syncObject, type SyncDeps } from '../mirror/sync.ts';
import { endIntent, type IntentEnd } from './intents.ts';
import { askStripe } from './stripe-answer.ts';

/**
 * Closes a session, so that it can no longer be paid. A session that was just paid is synced immediately, so
 * that its purchase counts before the webhook arrives.
 *
 * @returns how the intent ends. `replaced`: this closed the session; `completed`: the buyer had completed it;
 *   `expired`: it can no longer be paid.
 * @throws ProblemError stripe_unavailable. The session may still be open in that case.
 */
export async function closeSession(
  deps: SyncDeps,
  sessionId: string,
): Promise<Exclude<IntentEnd, 'failed'>> {
  const end = await askStripe(deps.logger, 'checkout.sessions.expire', () =>
    expireSession(deps.stripe, sessionId),
  );
  if (end === 'completed') {
    await askStripe(deps.logger, 'checkout.sessions.retrieve', () =>
      syncObject(deps, { objectType: 'checkout.session', objectId: sessionId }),
    );
  }
  await endIntent(deps.database, { sessionId }, end);
  return end;
}

async function expireSession(
  stripe: Stripe,
  sessionId: string,
): Promise<'replaced' | 'completed' | 'expired'> {
  try {
    await stripe.checkout.sessions.expire(sessionId);
    return 'replaced';
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
    // The session belongs to another account or mode, so it cannot be paid to this account.
    if (error.code === 'resource_missing') return 'expired';
    // Stripe expires only open sessions, so the rejection means that the session has already ended.
    const { status } = await stripe.checkout.sessions.retrieve(sessionId);
    if (status === 'complete') return 'completed';
    if (status === 'expired') return 'expired';
    throw error;
  }
}
