import type Stripe from 'stripe';
import type { Wire } from '../wire.ts';

export type Meter = Wire<Stripe.Billing.Meter>;

/** A received meter event, with what the sandbox read in its payload. */
export interface MeterEvent {
  id: string;
  object: 'sandbox.meter_event';
  /** When it was received, in epoch seconds. */
  created: number;
  identifier: string;
  meter: string;
  customer: string;
  /** Epoch seconds. */
  timestamp: number;
  /** 0 if the payload has no number. */
  value: number;
  /** Whether an adjustment canceled it. */
  canceled: boolean;
}
