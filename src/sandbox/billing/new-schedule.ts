import { newId } from '../state/ids.ts';
import type { SubscriptionSchedule } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import type { Phase } from './schedule-phase.ts';

export interface ScheduleRequest {
  customer: string;
  phases: Phase[];
  endBehavior: 'cancel' | 'release';
  metadata: Record<string, string>;
}

/** Returns a schedule that has not started. Does not store it. */
export function newSchedule(world: World, request: ScheduleRequest): SubscriptionSchedule {
  return {
    id: newId('sub_sched'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: { type: 'flexible', flexible: null },
    canceled_at: null,
    completed_at: null,
    created: world.clock.seconds(),
    current_phase: null,
    customer: request.customer,
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      billing_cycle_anchor: 'automatic',
      billing_thresholds: null,
      collection_method: 'charge_automatically',
      default_payment_method: null,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: 'self' },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: request.endBehavior,
    livemode: false,
    metadata: request.metadata,
    pause_schedules: [],
    phases: request.phases,
    released_at: null,
    released_subscription: null,
    status: 'not_started',
    subscription: null,
    test_clock: null,
  };
}
