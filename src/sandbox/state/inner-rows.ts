/* The rows of tables that Stripe would not show as objects. */

/** A customer's ability to pay. */
export interface Wallet {
  id: string;
  object: 'sandbox.wallet';
  declines: boolean;
  /** Whether the customer has a card. */
  card: boolean;
  /** Whether the bank asks the customer to authenticate each payment. */
  asks?: boolean;
}

/** Data about a subscription's pending update that Stripe does not show. */
export interface PendingUpdateRow {
  /** The subscription's id. */
  id: string;
  object: 'sandbox.pending_update';
  invoice: string;
  /** The ids of the items that the update removes. */
  removed: string[];
  /** Whether the update restarts the billing periods. */
  restarts: boolean;
}

/** A record that a trial's `trial_will_end` event was sent. */
export interface TrialNotice {
  /** The subscription's id. */
  id: string;
  object: 'sandbox.trial_notice';
  trialEnd: number;
}

/** A record that a schedule's `expiring` event was sent. */
export interface ScheduleNotice {
  id: string;
  object: 'sandbox.schedule_notice';
  endsAt: number;
}

export interface EntitlementSummary {
  /** The customer's id. */
  id: string;
  object: 'sandbox.entitlement_summary';
  features: string[];
}

export interface DeletedObject {
  id: string;
  object: 'customer' | 'product' | 'price' | 'coupon' | 'webhook_endpoint';
  deleted: true;
}
