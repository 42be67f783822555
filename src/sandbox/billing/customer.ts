import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type { Customer } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { cancelSchedule } from './schedule.ts';
import { cancelSubscription, hasEnded } from './subscription-change.ts';

type CustomerFields = Partial<
  Pick<Customer, 'description' | 'email' | 'metadata' | 'name' | 'phone' | 'test_clock'>
>;

export function addCustomer(world: World, fields: CustomerFields): Customer {
  const customer = newCustomer(world, fields);
  world.tables.customers.set(customer.id, customer);
  emit(world, 'customer.created', customer);
  return customer;
}

/** Returns a new customer without storing it. */
export function newCustomer(world: World, fields: CustomerFields): Customer {
  return {
    id: newId('cus', 14),
    object: 'customer',
    address: null,
    balance: 0,
    created: world.clock.seconds(),
    currency: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: null,
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: {},
    name: null,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
    ...fields,
  };
}

/** Permanently deletes a customer. As in Stripe, its subscriptions and schedules end immediately. */
export function deleteCustomer(world: World, customer: Customer): void {
  for (const subscription of world.tables.subscriptions.where('customer', customer.id)) {
    if (!hasEnded(subscription)) {
      cancelSubscription(world, subscription, 'cancellation_requested');
    }
  }
  for (const schedule of world.tables.schedules.where('customer', customer.id)) {
    if (schedule.status === 'not_started') {
      cancelSchedule(world, schedule);
    }
  }
  world.tables.customers.delete(customer.id);
  world.tables.deleted.set(customer.id, { id: customer.id, object: 'customer', deleted: true });
  emit(world, 'customer.deleted', customer);
}
