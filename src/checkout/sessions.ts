import type Stripe from 'stripe';
import type { UserName } from '../entitlements/users.ts';
import { createCustomer, type CustomerDeps } from './customer.ts';
import { endIntent, openIntent, storeSession } from './intents.ts';
import { computeMode, type Line, type Mode } from './lines.ts';
import { askStripe, isMissing } from './stripe-answer.ts';

export interface CheckoutRequest {
  user: UserName;
  email: string | undefined;
  lines: readonly Line[];
  /** Sent on as given. */
  successUrl: string;
  cancelUrl: string;
}

export interface OpenedCheckout {
  id: string;
  url: string;
  mode: Mode;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/**
 * Opens a hosted checkout for a user. The intent is in Postgres before Stripe hears of it; older open
 * sessions that would sell the same again are expired before the new one's link is handed out, so that
 * a double click cannot pay twice.
 *
 * @throws ProblemError already_subscribed, feature_revoked, stripe_unavailable
 */
export async function openCheckout(
  deps: CustomerDeps,
  request: CheckoutRequest,
): Promise<OpenedCheckout> {
  const intent = await openIntent(deps, request.user, request.lines);
  try {
    for (const sessionId of intent.olderSessionIds) await expireSession(deps, sessionId);
    const session = await createSession(deps, request, intent.id, intent.customerId);
    const customerId = typeof session.customer === 'string' ? session.customer : '';
    const expiresAt = session.expires_at * 1_000;
    const ours = { id: session.id, customerId, expiresAt };
    // A newer checkout of this user came in between: this one must not be paid as well.
    if (!(await storeSession(deps.database, intent.id, ours)))
      await expireSession(deps, session.id);
    if (session.url === null) throw new Error('Stripe made a session without a page');
    return { id: session.id, url: session.url, mode: computeMode(request.lines), expiresAt };
  } catch (error) {
    await endIntent(deps.database, { id: intent.id }, 'failed');
    throw error;
  }
}

/** A customer that Stripe no longer knows is replaced, once. */
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
  // Stripe hands metadata on to nothing: each object gets its own.
  const metadata = { project_id: user.projectId, user_id: user.userId };
  return stripe.checkout.sessions.create(
    {
      mode,
      customer,
      client_reference_id: intentId,
      line_items: lines.map(({ priceId, quantity }) => ({ price: priceId, quantity })),
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

/** One that was paid or expired meanwhile cannot be expired, and need not be. */
async function expireSession(deps: CustomerDeps, sessionId: string): Promise<void> {
  const session = await askStripe(deps.logger, 'checkout.sessions.retrieve', () =>
    deps.stripe.checkout.sessions.retrieve(sessionId),
  );
  if (session.status === 'open') {
    await askStripe(deps.logger, 'checkout.sessions.expire', () =>
      deps.stripe.checkout.sessions.expire(sessionId),
    );
  }
  await endIntent(
    deps.database,
    { sessionId },
    session.status === 'complete' ? 'completed' : 'replaced',
  );
}
