import Stripe from 'stripe';
import { syncObject, type SyncDeps } from '../mirror/sync.ts';
import { endIntent, type IntentEnd } from './intents.ts';
import { askStripe } from './stripe-answer.ts';

/**
 * Sees to it that a session can no longer be paid. One that was paid just before is applied at once, so
 * that what its buyer has by now is known without waiting for the webhook.
 *
 * @returns what its intent came to; `completed`: it was paid
 * @throws ProblemError stripe_unavailable: it may still be open
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
    // Made under another key or mode: no page on which this account could be paid.
    if (error.code === 'resource_missing') return 'expired';
    // Only an open session can be expired, so the refusal means that it has ended: how?
    const { status } = await stripe.checkout.sessions.retrieve(sessionId);
    if (status === 'complete') return 'completed';
    if (status === 'expired') return 'expired';
    throw error;
  }
}
