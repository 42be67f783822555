import { hash } from 'node:crypto';
import Stripe from 'stripe';
import { closeCheckouts } from '../checkout/closing.ts';
import { askStripe } from '../checkout/stripe-answer.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { answerChange, type Asker } from './answer.ts';
import type { PreviewClaims, PreviewTokens } from './preview-token.ts';
import { isReached } from './core/target-items.ts';
import {
  type ChangeRequest,
  findPromotionCode,
  type PlannedSubscriptionChange,
  planChange,
  refuseSecond,
  requestHash,
} from './planned-change.ts';
import { discountParams } from './preview.ts';
import { releaseSchedule, scheduleChange } from './schedule.ts';
import type { ChangedDto } from './schemas.ts';
import { type LiveSubscription, pendingItems, stateOf } from './stripe-subscription.ts';

type ApplyDeps = SyncDeps & { tokens: PreviewTokens };

interface ApplyRequest extends ChangeRequest {
  asker: Asker;
  token: string | undefined;
}

/**
 * Makes a change. A repeated request is the same change: what Stripe has made already is not asked for again,
 * and concurrent requests share an idempotency key.
 *
 * A payment that fails leaves the subscription as it was, and the change pending for up to 23 hours.
 *
 * @throws ProblemError preview_expired, preview_mismatch, payment_failed, and the errors of `planChange`.
 */
export async function applyChange(
  deps: ApplyDeps,
  request: ApplyRequest,
  keep: KeepAnswer<ChangedDto>,
): Promise<ChangedDto> {
  const { body, token } = request;
  const claims = token === undefined ? null : openToken(deps, token, requestHash(request));
  const plan = await planChange(deps, request);
  const { live } = plan;
  const before = live.latestInvoice?.id;
  const isMade = body.when === 'now' && wasMade(plan);
  if (claims !== null && !isMade && claims.state !== stateOf(live)) throw expired();
  if (!isMade) {
    if (await closeCheckouts(deps, plan.own.uid, plan.exclusive)) {
      await refuseSecond(deps, plan.own, plan.exclusive);
    }
    const code =
      claims === null
        ? await findPromotionCode(deps, live, body.promotion_code)
        : claims.promotionCode;
    if (body.when === 'period_end') await scheduleChange(deps, plan, code);
    else await update(deps, plan, code, claims, token);
  }
  const { proration, price_id: priceId, quantity, items, when } = body;
  const asked = {
    ...{ when, proration },
    ...(priceId === undefined ? {} : { price_id: priceId }),
    ...(quantity === undefined ? {} : { quantity }),
    ...(items === undefined ? {} : { items }),
  };
  const { asker, subscriptionId } = request;
  const isInvoiceOf = ({ latestInvoice }: LiveSubscription): boolean =>
    isMade ? latestInvoice?.billing_reason === 'subscription_update' : latestInvoice?.id !== before;
  // A checkout that was opened during the change did not see it.
  const afterSync = async (): Promise<void> => {
    await closeCheckouts(deps, plan.own.uid, plan.exclusive);
  };
  return answerChange(
    deps,
    { action: 'subscription.change', asker, subscriptionId, asked, isInvoiceOf, afterSync },
    keep,
  );
}

/** Returns whether Stripe has made the change already, or waits for its payment. */
function wasMade({ live, target }: PlannedSubscriptionChange): boolean {
  const pending = pendingItems(live);
  return isReached(live.items, target) || (pending !== null && isReached(pending, target));
}

function openToken({ tokens, clock }: ApplyDeps, token: string, request: string): PreviewClaims {
  const claims = tokens.open(token);
  if (claims?.request !== request) {
    throw new ProblemError('preview_mismatch', undefined, [
      {
        path: 'preview_token',
        message: 'belongs to another request: send exactly the fields that were previewed',
      },
    ]);
  }
  if (claims.expiresAt <= clock()) throw expired();
  return claims;
}

async function update(
  deps: SyncDeps,
  plan: PlannedSubscriptionChange,
  promotionCode: string | null,
  claims: PreviewClaims | null,
  token: string | undefined,
): Promise<void> {
  const { live, items, proration } = plan;
  await releaseSchedule(deps, live);
  const { subscription } = live;
  const params: Stripe.SubscriptionUpdateParams = {
    items,
    proration_behavior: proration,
    ...(claims === null || proration === 'none' ? {} : { proration_date: claims.prorationDate }),
    ...paymentParams(live, promotionCode),
  };
  const key = hash(
    'sha256',
    JSON.stringify([subscription.id, live.latestInvoice?.id, stateOf(live), token, params]),
    'base64url',
  );
  await askStripe(deps.logger, 'subscriptions.update', async () => {
    try {
      const options = { idempotencyKey: `latchkey-change-${key}` };
      const answer = await deps.stripe.subscriptions.update(subscription.id, params, options);
      // A state can come back without an invoice in between. Stripe then replays the response to the first time.
      if (answer.lastResponse.headers['idempotent-replayed'] !== 'true') return;
      await deps.stripe.subscriptions.update(subscription.id, params);
    } catch (error) {
      throw refusalOf(error);
    }
  });
}

/**
 * Returns the parameters that decide what happens without a payment. Stripe cannot keep a discount pending, so
 * a change with a promotion code fails as a whole. Invoices that are sent are paid later.
 */
function paymentParams(
  live: LiveSubscription,
  promotionCode: string | null,
): Stripe.SubscriptionUpdateParams {
  if (live.subscription.collection_method === 'send_invoice') {
    return discountParams(live, promotionCode);
  }
  return promotionCode === null
    ? { payment_behavior: 'pending_if_incomplete' }
    : { payment_behavior: 'error_if_incomplete', ...discountParams(live, promotionCode) };
}

function refusalOf(error: unknown): unknown {
  if (error instanceof Stripe.errors.StripeCardError) return new ProblemError('payment_failed');
  const isDate =
    error instanceof Stripe.errors.StripeInvalidRequestError && error.param === 'proration_date';
  return isDate ? expired() : error;
}

function expired(): ProblemError {
  return new ProblemError('preview_expired', undefined, [
    {
      path: 'preview_token',
      message:
        'is older than ten minutes, or the subscription has changed since: preview the change again',
    },
  ]);
}
