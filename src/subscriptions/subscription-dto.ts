import type Stripe from 'stripe';
import { isoInstant } from '../http/schemas.ts';
import { reference } from '../mirror/core/from-stripe.ts';
import type { SubscriptionDto } from './schemas.ts';
import { type LiveSubscription, nextPhase, pendingItems } from './stripe-subscription.ts';

/** Maps a subscription to its DTO. */
export function toSubscriptionDto(live: LiveSubscription): SubscriptionDto {
  const { subscription, items, periodEnd } = live;
  const phase = nextPhase(live);
  return {
    id: subscription.id,
    status: subscription.status,
    items: items.map((item) => ({
      id: item.id,
      price_id: item.priceId,
      product_id: item.productId,
      quantity: item.quantity,
    })),
    current_period_end: fromSeconds(periodEnd),
    cancel_at: cancelAt(subscription, periodEnd),
    ...pendingOf(live),
    ...(phase === undefined
      ? {}
      : {
          scheduled: {
            items: phase.items.map(({ price, quantity }) => ({
              price_id: reference(price),
              quantity: quantity ?? null,
            })),
            at: fromSeconds(phase.start_date),
          },
        }),
  };
}

/** Formats one of Stripe's timestamps, which are in seconds. */
export function fromSeconds(seconds: number): string {
  return isoInstant(seconds * 1_000);
}

function cancelAt(
  { cancel_at: at, cancel_at_period_end: atPeriodEnd }: Stripe.Subscription,
  periodEnd: number,
): string | null {
  const end = at ?? (atPeriodEnd ? periodEnd : null);
  return end === null ? null : fromSeconds(end);
}

function pendingOf(live: LiveSubscription): Pick<SubscriptionDto, 'pending_update'> {
  const items = pendingItems(live);
  const { pending_update: pending } = live.subscription;
  if (items === null || pending === null) return {};
  return {
    pending_update: {
      items: items.map(({ priceId, quantity }) => ({ price_id: priceId, quantity })),
      expires_at: fromSeconds(pending.expires_at),
      action_url: live.latestInvoice?.hosted_invoice_url ?? null,
    },
  };
}
