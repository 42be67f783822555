import Stripe from 'stripe';
import type { Config } from '../config.ts';
import { reasonOf } from '../platform/redaction.ts';
import { eventTypes } from '../webhook/core/events.ts';
import { webhookPath } from '../webhook/endpoint.ts';
import { type Check, failed, ok, warning } from './check-result.ts';

const keyPage = 'Stripe’s dashboard, Developers, API keys';

/** Checks that Stripe accepts the key, and that it belongs to the expected account. */
export async function checkStripeKey(
  stripe: Stripe,
  { livemode, accountId }: Pick<Config['stripe'], 'livemode' | 'accountId'>,
): Promise<Check> {
  const name = 'stripe key';
  const mode = livemode ? 'live mode' : 'test mode';
  try {
    const { id } = await stripe.accounts.retrieveCurrent();
    return accountId !== undefined && accountId !== id
      ? failed(
          name,
          `${mode}, account ${id}, but STRIPE_ACCOUNT_ID is ${accountId}`,
          'Correct STRIPE_SECRET_KEY or STRIPE_ACCOUNT_ID.',
        )
      : ok(name, `${mode}, account ${id}`);
  } catch (error) {
    if (statusOf(error) === 401) {
      return failed(
        name,
        `${mode}, but Stripe rejects the key: ${reasonOf(error)}`,
        `Set STRIPE_SECRET_KEY to a key from ${keyPage}.`,
      );
    }
    if (statusOf(error) === 403) return ok(name, `${mode}, a restricted key`);
    return failed(name, `Stripe cannot be reached: ${reasonOf(error)}`, 'Check the network.');
  }
}

/**
 * For each permission that the service needs: its name in Stripe's dashboard, and a request that requires it.
 */
const reads: readonly (readonly [string, (stripe: Stripe) => Promise<unknown>])[] = [
  ['Customers', (stripe) => stripe.customers.list({ limit: 1 })],
  ['Subscriptions', (stripe) => stripe.subscriptions.list({ limit: 1 })],
  ['Invoices', (stripe) => stripe.invoices.list({ limit: 1 })],
  ['Checkout Sessions', (stripe) => stripe.checkout.sessions.list({ limit: 1 })],
  ['Charges', (stripe) => stripe.charges.list({ limit: 1 })],
  ['Refunds', (stripe) => stripe.refunds.list({ limit: 1 })],
  ['Disputes', (stripe) => stripe.disputes.list({ limit: 1 })],
  ['Products', (stripe) => stripe.products.list({ limit: 1 })],
  ['Prices', (stripe) => stripe.prices.list({ limit: 1 })],
  ['Events', (stripe) => stripe.events.list({ limit: 1 })],
];

/** Checks that the key has all permissions that the service needs. */
export async function checkStripeRights(stripe: Stripe): Promise<Check> {
  const refused: string[] = [];
  for (const [permission, read] of reads) {
    try {
      await read(stripe);
    } catch (error) {
      if (statusOf(error) !== 403 && statusOf(error) !== 401) {
        return failed('stripe rights', `${permission}: ${reasonOf(error)}`, 'Retry later.');
      }
      refused.push(permission);
    }
  }
  return refused.length === 0
    ? ok('stripe rights', `may read ${reads.length} kinds of objects`)
    : failed(
        'stripe rights',
        `lacks permission for ${refused.join(', ')}`,
        `Give the key these permissions: ${keyPage}.`,
      );
}

/**
 * Checks that Stripe has one enabled webhook endpoint for the service, with every event type that the service
 * handles.
 */
export async function checkEndpoint(stripe: Stripe): Promise<Check> {
  const name = 'webhook endpoint';
  const create =
    'Run `npm run stripe:endpoint -- https://YOUR-HOST/api/v1/webhooks/stripe` (in the image: `stripe:endpoint`).';
  try {
    const all = await stripe.webhookEndpoints
      .list({ limit: 100 })
      .autoPagingToArray({ limit: 1_000 });
    const ours = all.filter(
      ({ url }) => URL.canParse(url) && new URL(url).pathname.endsWith(webhookPath),
    );
    const [endpoint, ...more] = ours.filter(({ status }) => status === 'enabled');
    if (endpoint === undefined) {
      return ours.length === 0
        ? failed(name, `Stripe has no endpoint with a path that ends in ${webhookPath}`, create)
        : failed(name, `${ours[0]?.id ?? ''} is disabled`, `${create} This enables the endpoint.`);
    }
    const enabled = new Set<string>(endpoint.enabled_events);
    const missing = enabled.has('*') ? [] : eventTypes.filter((type) => !enabled.has(type));
    if (missing.length > 0) {
      return failed(name, `${endpoint.id} is not subscribed to ${missing.join(', ')}`, create);
    }
    return ok(
      name,
      `${endpoint.id}, ${endpoint.url}` +
        (more.length === 0 ? '' : `, and ${more.length} more with the same path`),
    );
  } catch (error) {
    if (statusOf(error) === 403) {
      return warning(
        name,
        'the key may not read webhook endpoints',
        'Compare the endpoint’s events with the README, or allow the key to read webhook endpoints.',
      );
    }
    return failed(
      name,
      `could not list webhook endpoints: ${reasonOf(error)}`,
      'Correct the Stripe key first.',
    );
  }
}

/**
 * Checks whether Stripe failed to deliver events in the last hour. A wrong signing secret has this effect.
 *
 * @param hasEvents whether any event has ever been stored. If not, the secret has not been tested.
 */
export async function checkDeliveries(
  stripe: Stripe,
  now: number,
  hasEvents: boolean,
): Promise<Check> {
  const name = 'deliveries';
  const graceSeconds = 10;
  const nowSeconds = Math.floor(now / 1_000);
  try {
    const page = await stripe.events.list({
      limit: 100,
      delivery_success: false,
      created: { gte: nowSeconds - 3_600, lte: nowSeconds - graceSeconds },
    });
    const known = new Set<string>(eventTypes);
    // Other endpoints of the account may receive types that this service does not handle.
    const data = page.data.filter(({ type }) => known.has(type));
    if (data.length > 0) {
      return warning(
        name,
        `undelivered events in the last hour: ${page.has_more ? 'at least ' : ''}${data.length}`,
        'Compare STRIPE_WEBHOOK_SECRETS with the endpoint’s signing secret. Stripe’s dashboard shows the failed attempts.',
      );
    }
    return hasEvents
      ? ok(name, 'Stripe has no undelivered events from the last hour')
      : warning(
          name,
          'no event has arrived yet, so STRIPE_WEBHOOK_SECRETS has not been tested',
          'Create a product in Stripe to trigger an event, then rerun the check.',
        );
  } catch (error) {
    return warning(name, reasonOf(error), 'Correct the Stripe key first.');
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Stripe.errors.StripeError ? error.statusCode : undefined;
}
