import Stripe from 'stripe';
import { syncObject, type SyncDeps } from '../mirror/sync.ts';
import { endIntent, type IntentEnd, replaceOlder } from './intents.ts';
import { askStripe } from './stripe-answer.ts';

/**
 * Closes a user's open checkouts for any of these products, which another subscription of the user is to have. A
 * checkout that has no session yet closes the session that it creates.
 *
 * @returns whether the buyer had just completed one of them. Its subscription is then stored.
 * @throws ProblemError stripe_unavailable.
 */
export async function closeCheckouts(
  deps: SyncDeps,
  uid: bigint,
  productIds: readonly string[],
): Promise<boolean> {
  if (productIds.length === 0) return false;
  const sessionIds = await deps.database.transaction((tx) =>
    replaceOlder(tx, uid, { lines: [], exclusive: productIds }, null),
  );
  const ends: string[] = [];
  for (const id of sessionIds) ends.push(await closeSession(deps, id));
  return ends.includes('completed');
}

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
