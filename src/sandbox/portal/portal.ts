import { emit } from '../state/events.ts';
import { newId } from '../state/ids.ts';
import type { Customer, PortalConfiguration, PortalSession } from '../state/tables.ts';
import type { World } from '../state/world.ts';

export interface PortalSettings {
  isDefault: boolean;
  cancel: boolean;
  cancelMode: 'at_period_end' | 'immediately';
  update: boolean;
  defaultReturnUrl: string | null;
  name: string | null;
  metadata: Record<string, string>;
}

/** Starts a portal session for a customer. The sandbox serves its page at the session's `url`. */
export function startPortalSession(
  world: World,
  customer: Customer,
  configuration: PortalConfiguration,
  returnUrl: string | null,
): PortalSession {
  const id = newId('bps');
  const session: PortalSession = {
    id,
    object: 'billing_portal.session',
    configuration: configuration.id,
    created: world.clock.seconds(),
    customer: customer.id,
    customer_account: null,
    flow: null,
    livemode: false,
    locale: null,
    on_behalf_of: null,
    return_url: returnUrl ?? configuration.default_return_url,
    url: `${world.baseUrl}/p/session/${id}`,
  };
  world.tables.portalSessions.set(id, session);
  emit(world, 'billing_portal.session.created', session);
  return session;
}

/** Returns the configuration for sessions that name none. It allows cancellations and plan changes. */
export function defaultConfiguration(world: World): PortalConfiguration {
  const existing = [...world.tables.portalConfigurations.values()].find(
    (configuration) => configuration.is_default,
  );
  return (
    existing ??
    addPortalConfiguration(world, {
      isDefault: true,
      cancel: true,
      cancelMode: 'at_period_end',
      update: true,
      defaultReturnUrl: null,
      name: null,
      metadata: {},
    })
  );
}

export function addPortalConfiguration(
  world: World,
  settings: PortalSettings,
): PortalConfiguration {
  const now = world.clock.seconds();
  const configuration: PortalConfiguration = {
    id: newId('bpc'),
    object: 'billing_portal.configuration',
    active: true,
    application: null,
    business_profile: {
      headline: null,
      privacy_policy_url: null,
      terms_of_service_url: null,
    },
    created: now,
    default_return_url: settings.defaultReturnUrl,
    features: {
      customer_update: { allowed_updates: [], enabled: false },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true, payment_method_configuration: null },
      subscription_cancel: {
        cancellation_reason: { enabled: false, feedback_options: null, options: [] },
        enabled: settings.cancel,
        mode: settings.cancelMode,
        proration_behavior: 'none',
      },
      subscription_pause: {
        duration: { type: 'indefinite', interval_options: [] },
        enabled: false,
      },
      subscription_update: {
        billing_cycle_anchor: null,
        default_allowed_updates: ['price', 'quantity'],
        enabled: settings.update,
        proration_behavior: 'always_invoice',
        schedule_at_period_end: { conditions: [] },
        trial_update_behavior: 'continue_trial',
      },
    },
    is_default: settings.isDefault,
    livemode: false,
    login_page: { enabled: false, url: null },
    metadata: settings.metadata,
    name: settings.name,
    updated: now,
  };
  world.tables.portalConfigurations.set(configuration.id, configuration);
  return configuration;
}
