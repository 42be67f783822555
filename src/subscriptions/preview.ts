import Stripe from 'stripe';
import { askStripe } from '../checkout/stripe-answer.ts';
import { presentOf } from '../entitlements/core/present.ts';
import { loadCatalog } from '../entitlements/refresh/load-facts.ts';
import { loadUserFacts } from '../entitlements/refresh/load-user-facts.ts';
import { ProblemError } from '../http/problem.ts';
import { isoInstant } from '../http/schemas.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { wholeList } from '../platform/stripe-lists.ts';
import { type EntitlementEffect, entitlementEffect } from './core/entitlement-effect.ts';
import { type InvoicePreview, invoicePreview } from './core/invoice-preview.ts';
import type { PreviewTokens } from './preview-token.ts';
import {
  type ChangeRequest,
  findPromotionCode,
  type PlannedSubscriptionChange,
  planChange,
  requestHash,
} from './planned-change.ts';
import type { PreviewDto } from './schemas.ts';
import { type LiveSubscription, stateOf } from './stripe-subscription.ts';
import { fromSeconds } from './subscription-dto.ts';

/** How long the price of a preview holds, milliseconds. */
const previewMs = 600_000;

/** The parameters of previews and updates that name the discounts. */
interface DiscountParams {
  discounts?: { discount?: string; promotion_code?: string }[];
}

/**
 * Previews a change: the invoice, and what the user gains and loses. The token locks the instant that divides
 * the billing periods, so that the change makes the previewed invoice.
 *
 * @throws the errors of `planChange`.
 */
export async function previewChange(
  deps: SyncDeps & { tokens: PreviewTokens },
  request: ChangeRequest,
): Promise<PreviewDto> {
  const now = deps.clock();
  const plan = await planChange(deps, request);
  if (plan.items.length === 0) throw nothingChanges(request);
  const { live } = plan;
  const promotionCode = await findPromotionCode(deps, live, request.body.promotion_code);
  const atEnd = request.body.when === 'period_end';
  const prorationDate = Math.floor(now / 1_000);
  const invoices = atEnd
    ? await previewAtEnd(deps, plan, promotionCode)
    : await previewNow(deps, plan, promotionCode, prorationDate);
  const effect = await loadEffect(deps, request, plan, atEnd ? live.periodEnd * 1_000 : null);
  const expiresAt = now + previewMs;
  return {
    currency: live.subscription.currency,
    ...toInvoiceDto(invoices),
    entitlements: effect,
    preview_token: deps.tokens.seal({
      request: requestHash(request),
      state: stateOf(live),
      ...{ prorationDate, promotionCode, expiresAt },
    }),
    expires_at: isoInstant(expiresAt),
  };
}

function nothingChanges({ body: { items, price_id: priceId } }: ChangeRequest): ProblemError {
  const path = items === undefined ? (priceId === undefined ? 'quantity' : 'price_id') : 'items';
  const message = 'changes nothing: the subscription has these items already';
  return new ProblemError('bad_request', undefined, [{ path, message }]);
}

interface Invoices {
  /** The invoice that the change makes, or the next one; null if the subscription has no next invoice. */
  invoice: InvoicePreview | null;
  isNow: boolean;
  /** Epoch seconds; null if the subscription ends before. */
  next: { at: number; total: number } | null;
}

async function previewNow(
  deps: SyncDeps,
  plan: PlannedSubscriptionChange,
  promotionCode: string | null,
  prorationDate: number,
): Promise<Invoices> {
  const { live, items, proration, restarts } = plan;
  const isTrial = live.subscription.status === 'trialing';
  const isNow = items.length > 0 && !isTrial && (restarts || proration === 'always_invoice');
  const params = {
    subscription: live.subscription.id,
    ...discountParams(live, promotionCode),
    subscription_details: {
      items,
      proration_behavior: proration,
      ...(proration === 'none' || items.length === 0 ? {} : { proration_date: prorationDate }),
    },
  };
  const shown = await fetchPreview(deps, params);
  if (shown === null) return { invoice: null, isNow, next: null };
  if (!isNow) {
    return { invoice: shown, isNow, next: nextOf(live, live.periodEnd, shown.total) };
  }
  const full = await fetchPreview(deps, { ...params, preview_mode: 'recurring' });
  const ends = shown.lines.flatMap(({ proration: part, period }) => (part ? [] : [period.end]));
  return {
    invoice: shown,
    isNow,
    next: nextOf(live, Math.min(live.periodEnd, ...ends), full?.total, ends),
  };
}

async function previewAtEnd(
  deps: SyncDeps,
  { live, items }: PlannedSubscriptionChange,
  promotionCode: string | null,
): Promise<Invoices> {
  const full = await fetchPreview(deps, {
    subscription: live.subscription.id,
    ...discountParams(live, promotionCode),
    preview_mode: 'recurring',
    subscription_details: { items, proration_behavior: 'none' },
  });
  const next = full === null ? null : { at: live.periodEnd, total: full.total };
  return { invoice: null, isNow: false, next };
}

/** Returns the next invoice, unless the subscription ends before it. */
function nextOf(
  { subscription, periodEnd }: LiveSubscription,
  earliest: number,
  total: number | undefined,
  begun: readonly number[] = [],
): Invoices['next'] {
  // Periods that begin now end later than the ones that they replace.
  const at = begun.length > 0 ? Math.min(...begun) : earliest;
  const { cancel_at: cancelAt, cancel_at_period_end: atPeriodEnd } = subscription;
  const end = cancelAt ?? (atPeriodEnd ? periodEnd : Infinity);
  return total === undefined || end <= at ? null : { at, total };
}

/** Returns the `discounts` of a request: those that the subscription has, and the promotion code. */
export function discountParams(
  { subscription }: LiveSubscription,
  promotionCode: string | null,
): DiscountParams {
  return promotionCode === null
    ? {}
    : {
        discounts: [
          ...subscription.discounts.map((discount) => ({ discount: reference(discount) })),
          { promotion_code: promotionCode },
        ],
      };
}

/** Fetches a preview with all its lines; null if the subscription has no further invoice. */
async function fetchPreview(
  { stripe, logger }: SyncDeps,
  params: Stripe.InvoiceCreatePreviewParams,
): Promise<InvoicePreview | null> {
  return askStripe(logger, 'invoices.createPreview', async () => {
    try {
      const invoice = await stripe.invoices.createPreview(params);
      const lines = await wholeList(invoice.lines, (page) =>
        stripe.invoices.listLineItems(invoice.id, page),
      );
      return invoicePreview(invoice, lines);
    } catch (error) {
      const isLast =
        error instanceof Stripe.errors.StripeInvalidRequestError &&
        error.code === 'invoice_upcoming_none';
      if (isLast) return null;
      throw error;
    }
  });
}

/**
 * Computes what the user gains and loses.
 *
 * @param at when the change takes effect, epoch milliseconds; null for now.
 */
async function loadEffect(
  { database, clock }: SyncDeps,
  { user: { projectId }, subscriptionId }: ChangeRequest,
  { own: { uid }, steps, target, restarts }: PlannedSubscriptionChange,
  at: number | null,
): Promise<EntitlementEffect> {
  return database.transaction(async (tx) => {
    await tx.$executeRaw`set transaction isolation level repeatable read, read only`;
    const facts = (await loadUserFacts(tx, [uid])).get(uid);
    if (facts === undefined) throw new Error(`loadUserFacts returned no facts for user ${uid}`);
    const sold = [
      ...facts.subscriptions.flatMap(({ items }) => items),
      ...facts.purchases,
      ...target,
    ];
    const catalog = await loadCatalog(tx, projectId, sold);
    const { recordedAt } = await tx.user.findUniqueOrThrow({
      where: { uid },
      select: { recordedAt: true },
    });
    const present = presentOf({ recordedAt: recordedAt?.getTime() ?? null }, clock());
    return entitlementEffect(
      { ...catalog, ...facts },
      { subscriptionId, steps, restarts, at: at ?? present },
    );
  });
}

function toInvoiceDto({
  invoice,
  isNow,
  next,
}: Invoices): Omit<PreviewDto, 'currency' | 'entitlements' | 'preview_token' | 'expires_at'> {
  return {
    due_now: isNow ? (invoice?.due ?? 0) : 0,
    lines: (invoice?.lines ?? []).map((line) => ({
      ...line,
      period: { start: fromSeconds(line.period.start), end: fromSeconds(line.period.end) },
    })),
    discounts: invoice?.discounts ?? [],
    tax: invoice?.tax ?? 0,
    credit: invoice?.credit ?? 0,
    credit_used: invoice?.creditUsed ?? 0,
    next_invoice: next === null ? null : { at: fromSeconds(next.at), total: next.total },
  };
}
