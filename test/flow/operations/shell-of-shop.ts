import { inject } from 'vitest';
import type { Started } from '../../../src/dev/started.ts';
import { webhookSecret } from '../../helpers/service.ts';
import type { Shop } from '../../helpers/shop.ts';
import { startInstance } from './instance.ts';
import { Shell } from './shell.ts';

/** Starts a whole instance of the shop's service, and a shell with the variables that the documents use. */
export async function startShell(shop: Shop, started: Started): Promise<Shell> {
  const instance = await startInstance(shop, {
    redisUrl: inject('redisUrl'),
    metricsToken: 'a_token_for_the_metrics_of_the_tests',
    webhookSecrets: [webhookSecret],
    port: 0,
  });
  started.add(() => instance.close());
  const shell = new Shell({
    PATH: process.env['PATH'] ?? '',
    LATCHKEY: instance.url,
    ADMIN_API_KEY: shop.service.adminKey,
    STRIPE_SECRET_KEY: 'sk_test_123',
    STRIPE_API_BASE: shop.sandbox.url,
  });
  started.add(() => shell.close());
  return shell;
}
