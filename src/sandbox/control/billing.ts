import { collect, intentOf, markUncollectible, voidInvoice } from '../billing/collection.ts';
import {
  type DisputeRequest,
  moveDispute,
  openDispute,
  type DisputeStatus,
} from '../billing/dispute.ts';
import { changeItems, type ProrationBehavior } from '../billing/plan-change.ts';
import { failRefund, refundCharge, settleRefund } from '../billing/refund.ts';
import {
  cancelSubscription,
  changeSubscription,
  hasEnded,
} from '../billing/subscription-change.ts';
import { scheduleEnd } from '../billing/subscription-end.ts';
import { pauseSubscription, resumeSubscription } from '../billing/subscription-pause.ts';
import { newId } from '../state/ids.ts';
import { need, type Dunning, type World } from '../state/world.ts';
import { invalid } from '../stripe-error.ts';

/**
 * Changes to payments and subscriptions that happen outside the API, for example through a bank or the
 * Dashboard.
 */
export interface Billing {
  cancelNow(subscriptionId: string): Promise<void>;
  cancelAtPeriodEnd(subscriptionId: string): Promise<void>;
  /** Withdraws a scheduled cancellation. */
  keep(subscriptionId: string): Promise<void>;
  /** Changes an item's price immediately, with prorations on the next invoice. */
  changePlan(
    subscriptionId: string,
    itemId: string,
    priceId: string,
    quantity?: number,
    behavior?: ProrationBehavior,
  ): Promise<void>;
  pause(subscriptionId: string): Promise<void>;
  resume(subscriptionId: string): Promise<void>;
  /** Makes the customer's later payments fail, or succeed again. */
  failNextPayments(customerId: string, fail: boolean): Promise<void>;
  /** Makes the customer's bank require authentication for later payments, or stop requiring it. */
  requireAuthentication(customerId: string, required: boolean): Promise<void>;
  /** Sets or removes the customer's card, which decides how a trial ends. */
  setCard(customerId: string, card: boolean): Promise<void>;
  payOpenInvoice(invoiceId: string): Promise<void>;
  voidInvoice(invoiceId: string): Promise<void>;
  markUncollectible(invoiceId: string): Promise<void>;
  /** Refunds an amount or, by default, the rest. Resolves with the refund's id. */
  refund(chargeId: string, amount?: number, options?: { pending?: boolean }): Promise<string>;
  /** Completes a pending refund. */
  settleRefund(refundId: string): Promise<void>;
  failRefund(refundId: string): Promise<void>;
  /** Opens a dispute as the buyer's bank would. Resolves with the dispute's id. */
  openDispute(
    chargeId: string,
    amount?: number,
    options?: Omit<DisputeRequest, 'amount'>,
  ): Promise<string>;
  /** Changes a dispute to any status, including a final one. */
  moveDispute(disputeId: string, status: DisputeStatus): Promise<void>;
  closeDispute(
    disputeId: string,
    status: 'won' | 'lost' | 'warning_closed' | 'prevented',
  ): Promise<void>;
  setDunning(dunning: Dunning): Promise<void>;
  /** Sets the tax rate of subscriptions with automatic tax, in percent. Null removes the tax. */
  setTax(percent: number | null): Promise<void>;
}

/**
 * Creates the billing controls.
 * @param act runs a change at the current time and sends its events.
 */
export function createBilling(world: World, act: <T>(work: () => T) => Promise<T>): Billing {
  const { tables } = world;
  const subscriptionOf = (id: string) => {
    const subscription = need(tables.subscriptions, 'subscription', id);
    if (hasEnded(subscription))
      throw invalid(`Subscription ${id} has ended and can no longer be changed. Create a new one.`);
    return subscription;
  };
  const openInvoice = (id: string) => {
    const invoice = need(tables.invoices, 'invoice', id);
    if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
      throw invalid(
        `Invoice ${id} is \`${String(invoice.status)}\`; it must be \`open\` or \`uncollectible\`.`,
      );
    }
    return invoice;
  };
  const moved = (id: string, status: DisputeStatus) =>
    act(() => {
      moveDispute(world, need(tables.disputes, 'dispute', id), status);
    });
  return {
    cancelNow: (id) =>
      act(() => {
        cancelSubscription(world, subscriptionOf(id), 'cancellation_requested');
      }),
    cancelAtPeriodEnd: (id) =>
      act(() => {
        scheduleEnd(world, subscriptionOf(id), undefined, true);
      }),
    keep: (id) =>
      act(() => {
        scheduleEnd(world, subscriptionOf(id), null, false);
      }),
    changePlan: (id, itemId, priceId, quantity, behavior = 'create_prorations') =>
      act(() => {
        const item = need(tables.subscriptionItems, 'subscription item', itemId);
        const price = need(tables.prices, 'price', priceId);
        const change = {
          kind: 'set' as const,
          item,
          price,
          quantity: quantity ?? item.quantity ?? null,
        };
        changeItems(world, subscriptionOf(id), [change], { behavior });
      }),
    pause: (id) =>
      act(() => {
        pauseSubscription(world, subscriptionOf(id), 'pause_requested');
      }),
    resume: (id) =>
      act(() => {
        resumeSubscription(world, subscriptionOf(id), 'now');
      }),
    failNextPayments: (id, declines) =>
      act(() => {
        setWallet(world, id, { declines });
      }),
    requireAuthentication: (id, asks) =>
      act(() => {
        setWallet(world, id, { asks });
      }),
    setCard: (id, card) =>
      act(() => {
        setWallet(world, id, { card });
        for (const subscription of tables.subscriptions.where('customer', id)) {
          if (!hasEnded(subscription)) {
            changeSubscription(world, subscription, () => {
              subscription.default_payment_method = card ? newId('pm') : null;
            });
          }
        }
      }),
    payOpenInvoice: (id) =>
      act(() => {
        const invoice = openInvoice(id);
        if (intentOf(world, invoice) === undefined) {
          throw invalid(`Invoice ${id} has no PaymentIntent, so there is no payment to collect.`);
        }
        collect(world, invoice, 'succeeded', false);
      }),
    voidInvoice: (id) =>
      act(() => {
        voidInvoice(world, openInvoice(id));
      }),
    markUncollectible: (id) =>
      act(() => {
        markUncollectible(world, openInvoice(id));
      }),
    refund: (id, amount, { pending = false } = {}) =>
      act(() => {
        const charge = need(tables.charges, 'charge', id);
        const request = { amount: amount ?? null, reason: null, metadata: {}, pending };
        return refundCharge(world, charge, request).id;
      }),
    settleRefund: (id) =>
      act(() => {
        settleRefund(world, need(tables.refunds, 'refund', id));
      }),
    failRefund: (id) =>
      act(() => {
        failRefund(world, need(tables.refunds, 'refund', id));
      }),
    openDispute: (id, amount, options) =>
      act(() => {
        const charge = need(tables.charges, 'charge', id);
        return openDispute(world, charge, {
          ...options,
          ...(amount === undefined ? {} : { amount }),
        }).id;
      }),
    moveDispute: (id, status) => moved(id, status),
    closeDispute: (id, status) => moved(id, status),
    setDunning: (dunning) =>
      act(() => {
        world.dunning = dunning;
      }),
    setTax: (percent) =>
      act(() => {
        world.taxPercent = percent;
      }),
  };
}

function setWallet(
  world: World,
  id: string,
  change: { declines?: boolean; card?: boolean; asks?: boolean },
): void {
  const { customers, wallets } = world.tables;
  need(customers, 'customer', id);
  const wallet = wallets.get(id);
  wallets.set(id, {
    id,
    object: 'sandbox.wallet',
    declines: false,
    card: true,
    ...wallet,
    ...change,
  });
}
