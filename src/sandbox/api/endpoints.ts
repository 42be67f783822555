import type { Endpoint } from '../http/endpoint.ts';
import type { Deliveries } from '../webhooks/deliveries.ts';
import { account } from './account.ts';
import { checkoutSessions } from './checkout-sessions.ts';
import { coupons } from './coupons.ts';
import { activeEntitlements, customers } from './customers.ts';
import { events } from './events.ts';
import { features } from './features.ts';
import { invoiceItems } from './invoice-items.ts';
import { invoicePayments, invoices } from './invoices.ts';
import { meterEvents } from './meter-events.ts';
import { meters } from './meters.ts';
import { paymentIntents } from './payment-intents.ts';
import { paymentMethods } from './payment-methods.ts';
import { paymentPages } from './payment-pages.ts';
import { balanceTransactions, charges, disputes, refunds } from './payments.ts';
import { portal } from './portal.ts';
import { prices } from './prices.ts';
import { productFeatures, products } from './products.ts';
import { promotionCodes } from './promotion-codes.ts';
import { subscriptionItemEndpoints } from './subscription-items.ts';
import { subscriptionSchedules } from './subscription-schedules.ts';
import { subscriptions } from './subscriptions.ts';
import { testClocks } from './test-clocks.ts';
import { webhookEndpoints } from './webhook-endpoints.ts';

/** Returns all of the sandbox's API routes. */
export function apiEndpoints(deliveries: () => Deliveries): Endpoint[] {
  return [
    ...account,
    ...activeEntitlements,
    ...balanceTransactions,
    ...charges,
    ...checkoutSessions,
    ...coupons,
    ...customers,
    ...disputes,
    ...events(deliveries),
    ...features,
    ...invoiceItems,
    ...invoicePayments,
    ...invoices,
    ...meterEvents,
    ...meters,
    ...paymentIntents,
    ...paymentMethods,
    ...paymentPages,
    ...portal,
    ...prices,
    ...productFeatures,
    ...products,
    ...promotionCodes,
    ...refunds,
    ...subscriptionItemEndpoints,
    ...subscriptionSchedules,
    ...subscriptions,
    ...testClocks,
    ...webhookEndpoints,
  ];
}
