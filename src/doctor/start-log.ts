import type { Deps } from '../deps.ts';
import type { Check } from './check-result.ts';
import { checkCache, checkDatabase, hasStoredEvents } from './stores.ts';
import { checkDeliveries, checkEndpoint, checkStripeKey } from './stripe.ts';

/**
 * Logs one line each about the database, the cache, the schedule, Stripe, the webhook endpoint and its
 * deliveries. Never rejects, so that it can run in the background.
 *
 * @param applied the migrations that this start applied.
 */
export async function logSurroundings(deps: Deps, applied: readonly string[]): Promise<void> {
  const { config, logger, stripeInBackground: stripe } = deps;
  const log = ({ name, state, found, remedy }: Check): void => {
    const text = `${name}: ${found}${remedy === undefined ? '' : `. ${remedy}`}`;
    if (state === 'ok') logger.info(text);
    else logger.warn(text);
  };
  log(await checkDatabase(config.databaseUrl));
  logger.info({ applied }, `migrations: ${applied.length} applied at startup`);
  log(await checkCache(config.redisUrl));
  logger.info(
    config.reconcileCron === undefined
      ? 'schedule: reconciliation runs only on demand'
      : `schedule: reconciliation runs at ${config.reconcileCron} (UTC)`,
  );
  const key = await checkStripeKey(stripe, config.stripe);
  log(key);
  if (key.state === 'failed') return;
  log(await checkEndpoint(stripe));
  const hasEvents = await hasStoredEvents(config.databaseUrl);
  log(await checkDeliveries(stripe, deps.clock(), hasEvents));
}
