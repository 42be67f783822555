import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { matches, paging } from '../http/list.ts';
import {
  clearable,
  flag,
  inert,
  mergedMetadata,
  metadata,
  text,
  webAddress,
} from '../http/params.ts';
import {
  addPortalConfiguration,
  defaultConfiguration,
  startPortalSession,
} from '../portal/portal.ts';
import { render } from '../state/render.ts';
import { need } from '../state/world.ts';
import { reads } from './reads.ts';

const switchedFeature = z.object({ enabled: flag.optional() }).optional();

const features = z.strictObject({
  customer_update: inert,
  invoice_history: inert,
  payment_method_update: inert,
  subscription_cancel: z
    .object({
      enabled: flag.optional(),
      mode: z.enum(['at_period_end', 'immediately']).optional(),
    })
    .optional(),
  subscription_pause: inert,
  subscription_update: switchedFeature,
});

const configurationPath = '/v1/billing_portal/configurations';

export const portal: Endpoint[] = [
  endpoint(
    'POST',
    '/v1/billing_portal/sessions',
    z.strictObject({
      customer: text,
      return_url: webAddress.optional(),
      configuration: text.optional(),
      flow_data: inert,
      locale: inert,
    }),
    (world, params) => {
      const customer = need(world.tables.customers, 'customer', params.customer, 'customer', 400);
      const configuration =
        params.configuration === undefined
          ? defaultConfiguration(world)
          : need(
              world.tables.portalConfigurations,
              'configuration',
              params.configuration,
              'configuration',
              400,
            );
      return render(
        world.tables,
        startPortalSession(world, customer, configuration, params.return_url ?? null),
      );
    },
  ),
  endpoint(
    'POST',
    configurationPath,
    z.strictObject({
      features,
      business_profile: inert,
      default_return_url: clearable(webAddress).optional(),
      login_page: inert,
      metadata: metadata.optional(),
      name: clearable(text).optional(),
    }),
    (world, params) =>
      render(
        world.tables,
        addPortalConfiguration(world, {
          isDefault: false,
          cancel: params.features.subscription_cancel?.enabled ?? false,
          cancelMode: params.features.subscription_cancel?.mode ?? 'at_period_end',
          update: params.features.subscription_update?.enabled ?? false,
          defaultReturnUrl: params.default_return_url ?? null,
          name: params.name ?? null,
          metadata: mergedMetadata({}, params.metadata),
        }),
      ),
  ),
  ...reads({
    path: configurationPath,
    kind: 'configuration',
    table: (tables) => tables.portalConfigurations,
    filters: z.strictObject({
      ...paging,
      active: flag.optional(),
      is_default: flag.optional(),
    }),
    matches: (configuration, filters) =>
      matches(filters.active, configuration.active) &&
      matches(filters.is_default, configuration.is_default),
  }),
];
