import fc from 'fast-check';
import { text } from '../../helpers/json.ts';
import type { Pools } from './arbitrary-request.ts';
import { type Ids, makeDelivery, webhookUrl, type World } from './world.ts';

/** Ids for random requests, some of which exist. */
export function arbitraryIds(world: World, pools: Pools): fc.Arbitrary<Ids> {
  const some = (name: string, otherwise: string): fc.Arbitrary<string> =>
    fc.constantFrom(...(pools[name] ?? [otherwise])).map(String);
  const { ids } = world;
  return fc.record({
    project: some('projects', ids.project),
    user: some('user_id', ids.user),
    feature: some('feature_code', ids.feature),
    grant: some('grant_id', ids.grant),
    revocation: some('revocations', ids.revocation),
    product: some('stripe_product_id', ids.product),
    price: some('stripe_price_id', ids.price),
    session: some('stripe_session_id', ids.session),
    subscription: some('subscriptions', ids.subscription),
    purchase: some('purchases', ids.purchase),
    customer: some('stripe_customer_id', ids.customer),
    event: some('events', ids.event),
    key: some('key_id', ids.key),
    refresh: some('refreshes', ids.refresh),
    linkRun: some('link', ids.linkRun),
    reconciliation: some('reconciliations', ids.reconciliation),
    endpoint: some('endpoints', ids.endpoint),
    delivery: some('deliveries', ids.delivery),
    metered: some('metered', ids.metered),
    hold: some('holds', ids.hold),
    entry: some('entries', ids.entry),
  });
}

/** Creates some objects of each kind, so that random requests can change something. */
export async function stockPools(world: World): Promise<Pools> {
  const { ids, done, keyOf, shop } = world;
  await done('PUT', '/admin/features/retired', { name: 'Retired', type: 'boolean' });
  await done('DELETE', '/admin/features/retired');
  const users = [ids.user, 'u_1', 'u_2', 'u_3', 'ünïcode user/with?odd#signs'];
  const grants: string[] = [];
  const revocations: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const about = { user_id: users[round % 4], feature_code: 'export', reason: 'stock' };
    grants.push(text(await done('POST', '/admin/grant', about), 'grant', 'id'));
    revocations.push(text(await done('POST', '/admin/revoke', about), 'revocation', 'id'));
  }
  const keys = [];
  for (let round = 0; round < 6; round += 1) keys.push((await keyOf(['read'])).id);
  const customers = [];
  for (let round = 0; round < 6; round += 1) {
    const metadata = { project_id: 'notes' };
    const { id } = await shop.stripe.customers.create({ email: `c${round}@example.com`, metadata });
    customers.push(id);
  }
  // Some that are linked, so that they can be unlinked.
  for (const id of customers.slice(0, 3)) {
    await done('POST', '/admin/users/u_1/customers', { stripe_customer_id: id });
  }
  const products = [];
  for (const projectId of ['notes', 'other', undefined]) {
    const metadata = projectId === undefined ? {} : { project_id: projectId };
    products.push((await shop.stripe.products.create({ name: 'Stock', metadata })).id);
  }
  const made = [];
  for (let round = 0; round < 6; round += 1) made.push(await makeDelivery(world));
  const endpoints = [ids.endpoint, ...made.map(({ id }) => id)];
  const deliveries = [ids.delivery, ...made.map(({ delivery }) => delivery)];
  const projects = ['notes', 'other', 'nowhere'];
  return {
    user_id: users,
    feature_code: ['export', 'notebooks', 'theme', 'retired', ids.feature, ids.metered, 'nothing'],
    grant_id: grants,
    revocations,
    key_id: keys,
    project_id: ['notes', 'notes', 'notes', 'notes', ...projects],
    projects,
    stripe_customer_id: [...customers, ids.customer],
    stripe_product_id: [...products, ids.product],
    stripe_price_id: [ids.price, ...Object.values(shop.prices)],
    stripe_session_id: [ids.session],
    subscriptions: [ids.subscription],
    purchases: [ids.purchase],
    events: [ids.event],
    refreshes: [ids.refresh],
    link: [ids.linkRun],
    reconciliations: [ids.reconciliation],
    endpoints,
    deliveries,
    metered: [ids.metered, ids.metered, ids.feature, 'nothing'],
    holds: [ids.hold],
    entries: [ids.entry],
    url: [webhookUrl],
  };
}
