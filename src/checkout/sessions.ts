import type Stripe from 'stripe';
import type { UserName } from '../entitlements/users.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { optionalReference } from '../mirror/core/from-stripe.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { closeSession } from './closing.ts';
import { createCustomer, type CustomerDeps } from './customer.ts';
import { refuseIneligible } from './eligibility.ts';
import {
  endIntent,
  loadReplacement,
  type OpenedIntent,
  openIntent,
  storeSession,
} from './intents.ts';
import { computeMode, type Line, type Mode } from './lines.ts';
import { askStripe, isMissing } from './stripe-answer.ts';
import { refuseUpcoming } from './upcoming-plans.ts';

export interface CheckoutRequest {
  user: UserName;
  email: string | undefined;
  lines: readonly Line[];
  successUrl: string;
  cancelUrl: string;
  /** The id that retries with the same idempotency key share; null without an idempotency key. */
  repeatId: string | null;
}

export interface OpenedCheckout {
  id: string;
  url: string;
  mode: Mode;
  /** Epoch milliseconds. */
  expiresAt: number;
  /** The features of the lines that are blocked for the user, sorted. */
  blockedFeatures: string[];
}

/**
 * Opens a hosted checkout for a user. The order of these steps keeps a double click from paying twice:
 *
 * 1. Write the intent under the user's lock, before any request to Stripe. Replace an older intent that has
 * no session yet.
 * 2. Expire older open sessions for the same products. If one of them was just paid, check the user's
 * eligibility again.
 * 3. Ask Stripe for changes of the user's subscriptions that are still to come. A change that is made after this
 * closes the session (`closeCheckouts`).
 * 4. Create the new session and return its link. If a newer checkout has replaced the intent, expire the
 * session and return the newer one.
 *
 * After a crash between these steps, the next checkout expires the session. A request repeated with the same
 * idempotency key continues with its intent, and Stripe returns the same session.
 *
 * @throws ProblemError already_subscribed, feature_revoked, stripe_unavailable.
 */
export async function openCheckout(
  deps: SyncDeps,
  request: CheckoutRequest,
  keep: KeepAnswer<OpenedCheckout>,
): Promise<OpenedCheckout> {
  const intent = await openIntent(deps, request.user, request.lines, request.repeatId);
  try {
    const ends: string[] = [];
    for (const id of intent.olderSessionIds) ends.push(await closeSession(deps, id));
    if (ends.includes('completed')) {
      const owner = { projectId: request.user.projectId, uid: intent.uid };
      await refuseIneligible(deps.database.prisma, owner, request.lines, deps.clock());
    }
    await refuseUpcoming(deps, intent.uid, intent.exclusive, null);
    const session = await createSession(deps, request, intent.id, intent.customerId);
    const opened = openedOf(session, request, intent);
    const stored = {
      id: session.id,
      customerId: optionalReference(session.customer),
      expiresAt: opened.expiresAt,
    };
    const isCurrent = await storeSession(deps.database, intent.id, stored, (tx) =>
      keep(tx, opened),
    );
    if (isCurrent) return opened;
    await closeSession(deps, session.id);
    const replacement = await fetchReplacement(deps, request, intent.id);
    return openedOf(replacement ?? session, request, intent);
  } catch (error) {
    await endIntent(deps.database, { id: intent.id }, 'failed');
    throw error;
  }
}

function openedOf(
  session: Stripe.Checkout.Session,
  { lines }: CheckoutRequest,
  { blockedFeatures }: OpenedIntent,
): OpenedCheckout {
  const { id, url, expires_at: expiresAt } = session;
  if (url === null) throw new Error(`Stripe returned checkout session ${id} without a URL`);
  return { id, url, mode: computeMode(lines), expiresAt: expiresAt * 1_000, blockedFeatures };
}

/**
 * Fetches the open session that the other request of a double click created, so that both responses lead to a
 * payable session. Returns null if that request has no session yet or gave other URLs.
 */
async function fetchReplacement(
  deps: CustomerDeps,
  { successUrl, cancelUrl }: CheckoutRequest,
  intentId: string,
): Promise<Stripe.Checkout.Session | null> {
  const sessionId = await loadReplacement(deps.database, intentId);
  if (sessionId === null) return null;
  const session = await askStripe(deps.logger, 'checkout.sessions.retrieve', () =>
    deps.stripe.checkout.sessions.retrieve(sessionId),
  );
  const isSame = session.success_url === successUrl && session.cancel_url === cancelUrl;
  return isSame && session.url !== null ? session : null;
}

/** Creates the session. If the customer no longer exists in Stripe, retries with a new one. */
async function createSession(
  deps: CustomerDeps,
  request: CheckoutRequest,
  intentId: string,
  known: string | null,
): Promise<Stripe.Checkout.Session> {
  const { user, email } = request;
  const customer = known ?? (await createCustomer(deps, user, email, null));
  return askStripe(deps.logger, 'checkout.sessions.create', async () => {
    try {
      return await requestSession(deps.stripe, request, intentId, customer);
    } catch (error) {
      if (!isMissing(error, 'customer')) throw error;
      const fresh = await createCustomer(deps, user, email, customer);
      return requestSession(deps.stripe, request, intentId, fresh);
    }
  });
}

function requestSession(
  stripe: Stripe,
  { user, lines, successUrl, cancelUrl }: CheckoutRequest,
  intentId: string,
  customer: string,
): Promise<Stripe.Checkout.Session> {
  const mode = computeMode(lines);
  // Stripe does not copy a session's metadata to its subscription or payment intent.
  const metadata = { project_id: user.projectId, user_id: user.userId };
  return stripe.checkout.sessions.create(
    {
      mode,
      customer,
      client_reference_id: intentId,
      line_items: lines.map(({ priceId, quantity, metered }) => ({
        price: priceId,
        // Stripe rejects a quantity for a metered price.
        ...(metered ? {} : { quantity }),
      })),
      success_url: successUrl,
      cancel_url: cancelUrl,
      metadata,
      ...(mode === 'subscription'
        ? { subscription_data: { metadata } }
        : { payment_intent_data: { metadata } }),
    },
    { idempotencyKey: `latchkey-session-${intentId}-${customer}` },
  );
}
