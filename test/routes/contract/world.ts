import Stripe from 'stripe';
import { buildApp } from '../../../src/app.ts';
import type { App } from '../../../src/http/app-types.ts';
import { fanOut } from '../../../src/outbound/fan-out.ts';
import { newEntryId } from '../../../src/usage/entry-id.ts';
import { text } from '../../helpers/json.ts';
import { meteredApp } from '../../helpers/metered.ts';
import { type TestService, testStart } from '../../helpers/service.ts';
import { testSigning } from '../../helpers/signing.ts';
import { type Shop, startShop } from '../../helpers/shop.ts';
import { loopback } from '../../helpers/webhook-receiver.ts';

/** Of the world's instance. */
export const metricsToken = 'a_token_for_the_metrics_of_the_tests';

/** The objects that requests name, one of each kind. */
export interface Ids {
  project: string;
  user: string;
  feature: string;
  metered: string;
  grant: string;
  revocation: string;
  product: string;
  price: string;
  session: string;
  subscription: string;
  purchase: string;
  customer: string;
  event: string;
  key: string;
  refresh: string;
  linkRun: string;
  reconciliation: string;
  endpoint: string;
  delivery: string;
  hold: string;
  entry: string;
}

/** A shop with one of everything in its project `notes`, and a project `other` that has nothing. */
export interface World {
  shop: Shop;
  service: TestService;
  /** Another instance on the same database, which has signing keys and a token for its metrics. */
  app: App;
  /** One that cannot reach Stripe. */
  withoutStripe: App;
  /** One whose event loop is far too late. */
  overloaded: App;
  /** One that each key may ask only once in a while. */
  limited: App;
  /** The key of `notes`, with every scope. */
  key: string;
  /** The same of `other`. */
  otherKey: string;
  ids: Ids;
  /** A key of `notes` without the scope; for `platform` one with all that a project's key can have. */
  lacking: (scope: string | null) => string;
  /** New ids of nothing each time, since a PUT creates what it names. */
  nobodys: () => Ids;
  /** A name that nothing has yet. */
  fresh: () => string;
  /** Sends with the key of `notes`, or `key`; throws unless the answer is a 2xx. */
  done: (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    key?: string,
  ) => Promise<unknown>;
  /** A key of `notes` with these scopes. */
  keyOf: (scopes: string[], more?: object) => Promise<{ id: string; key: string }>;
  close: () => Promise<void>;
}

/** A port that refuses connections, in a network that webhooks may reach. */
export const webhookUrl = 'http://127.0.0.1:9/hooks';

export async function startWorld(): Promise<World> {
  const shop = await startShop({ config: { webhookAllowedNetworks: loopback } });
  const { service, key } = shop;
  const { key: otherKey } = await service.createProject('other');
  let names = 0;
  const fresh = (): string => `made_${(names += 1)}`;
  const done: World['done'] = async (method, path, body, by = key) => {
    const answer = await service.request(method, path, {
      key: by,
      ...(body === undefined ? {} : { body }),
    });
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
  };
  const keyOf: World['keyOf'] = async (scopes, more = {}) => {
    const body = { name: fresh(), scopes, ...more };
    const made = await done('POST', '/admin/projects/notes/keys', body);
    return { id: text(made, 'id'), key: text(made, 'key') };
  };

  const user = 'ann_of_notes';
  await shop.buy(user, 'pro');
  const session = await shop.buy(user, 'forever');
  await shop.settle();
  const { prisma } = service.deps.database;
  const purchase = await prisma.purchase.findFirstOrThrow({ where: { sessionId: session } });
  const event = await prisma.webhookEvent.findFirstOrThrow({
    where: { outcome: 'accepted', objectId: session },
  });
  const feature = 'kept_by_notes';
  const put = await done('PUT', `/admin/features/${feature}`, { name: feature, type: 'boolean' });
  const product = await shop.stripe.products.create({
    name: 'More',
    metadata: { project_id: 'notes' },
  });
  const price = await shop.stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 500,
  });
  await done('PUT', `/admin/products/${product.id}`, { features: { [feature]: true } });
  const about = { user_id: user, feature_code: feature, reason: 'a sample' };
  const grant = await done('POST', '/admin/grant', about);
  const revocation = await done('POST', '/admin/revoke', { ...about, block: true });
  const customer = await shop.customerOf(user);
  const run = await done('POST', '/admin/customers/link', {
    pairs: [{ user_id: user, stripe_customer_id: customer }],
  });
  const usage = await makeUsage(service, key, user);
  const { id: endpoint, delivery } = await makeDelivery({ service, done, ids: { feature } });
  const reader = await keyOf(['read']);
  const cashier = await keyOf(['checkout']);
  const both = await keyOf(['read', 'checkout']);
  const { deps } = service;
  const app = await buildApp({ ...deps, config: { ...deps.config, ...testSigning, metricsToken } });
  const nowhere = new Stripe('sk_test_123', {
    host: '127.0.0.1',
    port: 9,
    protocol: 'http',
    maxNetworkRetries: 0,
  });
  const withoutStripe = await buildApp({ ...deps, stripe: nowhere, stripeInBackground: nowhere });
  const overloaded = await buildApp({
    ...deps,
    loopDelay: { ms: () => 60_000, restart: () => undefined, stop: () => undefined },
  });
  const limited = await buildApp({ ...deps, config: { ...deps.config, keyMaxRps: 1 } });
  return {
    shop,
    service,
    app,
    withoutStripe,
    overloaded,
    limited,
    key,
    otherKey,
    ids: {
      project: 'notes',
      user,
      feature,
      grant: text(grant, 'grant', 'id'),
      revocation: text(revocation, 'revocation', 'id'),
      product: product.id,
      price: price.id,
      session,
      subscription: (await shop.subscriptionOf(user)).id,
      purchase: purchase.id,
      customer,
      event: event.eventId,
      key: (await keyOf(['read'])).id,
      refresh: text(put, 'refresh', 'id'),
      linkRun: text(run, 'id'),
      reconciliation: text(await done('POST', '/admin/reconciliations', {}), 'id'),
      endpoint,
      delivery,
      ...usage,
    },
    lacking: (scope) =>
      scope === 'platform'
        ? key
        : (scope === 'admin' ? both : scope === 'read' ? cashier : reader).key,
    nobodys: () => nobodys(fresh()),
    fresh,
    done,
    keyOf,
    async close() {
      await app.close();
      await withoutStripe.close();
      await overloaded.close();
      await limited.close();
      await shop.close();
    },
  };
}

/** Creates an endpoint and one pending delivery to it. */
export async function makeDelivery({
  service,
  done,
  ids,
}: Pick<World, 'service' | 'done'> & { ids: Pick<Ids, 'feature'> }): Promise<{
  id: string;
  delivery: string;
}> {
  const id = text(await done('POST', '/admin/webhook-endpoints', { url: webhookUrl }), 'id');
  const about = { user_id: `told_${id}`, feature_code: ids.feature, reason: 'a sample' };
  await done('POST', '/admin/grant', about);
  await service.deps.feed.look();
  await fanOut(service.deps);
  const delivery = await service.deps.database.prisma.webhookDelivery.findFirstOrThrow({
    where: { endpointId: id },
  });
  return { id, delivery: delivery.id };
}

/** Creates a metered feature of which the user has much, a hold and an entry. */
async function makeUsage(
  service: TestService,
  key: string,
  user: string,
): Promise<Pick<Ids, 'metered' | 'hold' | 'entry'>> {
  const metered = 'metered_by_notes';
  const app = await meteredApp(service, key);
  const put = { name: metered, type: 'metered' };
  await app.send('PUT', `/admin/features/${metered}`, put);
  const about = { user_id: user, feature_code: metered };
  await app.grant(user, { amount: 1_000_000 }, about);
  const held = await app.post('/usage/holds', { ...about, amount: 1, expires_in_seconds: 3_600 });
  const used = await app.post('/usage/consume', about);
  return { metered, hold: text(held.body, 'hold_id'), entry: text(used.body, 'entry_id') };
}

function nobodys(name: string): Ids {
  return {
    project: `nowhere_${name}`,
    user: `nobody_${name}`,
    feature: `nothing_${name}`,
    grant: `gr_${name}`,
    revocation: `rv_${name}`,
    product: `prod_${name}`,
    price: `price_${name}`,
    session: `cs_test_${name}`,
    subscription: `sub_${name}`,
    purchase: `li_${name}`,
    customer: `cus_${name}`,
    event: `evt_${name}`,
    key: `key_${name}`,
    refresh: `rf_${name}`,
    linkRun: `lr_${name}`,
    reconciliation: `rec_${name}`,
    endpoint: `we_${name}`,
    delivery: `whd_${name}`,
    metered: `nothing_metered_${name}`,
    hold: `uh_${name}`,
    // The id of an entry leads to its month.
    entry: newEntryId(testStart),
  };
}
