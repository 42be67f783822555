import type { Config } from '../config.ts';
import { systemClock } from '../platform/clock.ts';
import { openStripe } from '../platform/stripe.ts';
import type { Check } from './check-result.ts';
import { checkCache, checkClock, checkDatabase, checkSchema, hasStoredEvents } from './stores.ts';
import { checkDeliveries, checkEndpoint, checkStripeKey, checkStripeRights } from './stripe.ts';

/**
 * Checks every dependency of the service, one after another, and yields the results. Changes nothing. Skips
 * checks that depend on a failed one.
 */
export async function* checkSurroundings(config: Config): AsyncGenerator<Check> {
  const database = await checkDatabase(config.databaseUrl);
  yield database;
  if (database.state !== 'failed') {
    yield await checkSchema(config.databaseUrl);
    yield await checkClock(config.databaseUrl, systemClock);
  }
  yield await checkCache(config.redisUrl);
  const stripe = openStripe(config.stripe);
  const key = await checkStripeKey(stripe, config.stripe);
  yield key;
  if (key.state === 'failed') return;
  yield await checkStripeRights(stripe);
  yield await checkEndpoint(stripe);
  const hasEvents = await hasStoredEvents(config.databaseUrl);
  yield await checkDeliveries(stripe, systemClock(), hasEvents);
}
