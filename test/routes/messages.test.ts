import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from '../helpers/json.ts';
import { adminKey } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { putFeature } from '../helpers/two-projects.ts';
import { catalog } from './messages/catalog.ts';
import { checkouts } from './messages/checkout.ts';
import { grants } from './messages/grants.ts';
import { operators } from './messages/operators.ts';
import { requests } from './messages/requests.ts';
import type { Row } from './messages/row.ts';
import { usage } from './messages/usage.ts';

/*
 * What operators and app developers really get wrong, and what they are answered. Each message has to say
 * which field is wrong and what to send instead.
 */

let shop: Shop;
let keys: Record<string, string | undefined>;
/** Ids that only the run knows, by the words that stand for them in the tables. */
let ids: Record<string, string>;

beforeAll(async () => {
  shop = await startShop();
  const { service, key, stripe } = shop;
  const other = await service.createProject('other');
  await putFeature(service, key, 'seats', 'limit');
  await putFeature(service, key, 'former', 'boolean');
  await service.request('DELETE', '/admin/features/former', { key });
  const grant = { user_id: 'u_8', feature_code: 'export', reason: 'a favour' };
  await service.request('POST', '/admin/grant', {
    key,
    body: grant,
    headers: { 'idempotency-key': 'used' },
  });
  const foreign = await stripe.products.create({
    name: 'Other',
    metadata: { project_id: 'other' },
  });
  await service.request('PUT', `/admin/products/${foreign.id}`, { key: other.key, body: {} });
  const price = await stripe.prices.retrieve(shop.prices.pro);
  const customer = await stripe.customers.create({
    metadata: { project_id: 'notes', user_id: 'u_1' },
  });
  await service.request('POST', '/admin/users/u_1/customers', {
    key,
    body: { stripe_customer_id: customer.id },
  });
  const foreignCustomer = await stripe.customers.create({ metadata: { project_id: 'other' } });
  const read = await service.request('POST', '/admin/projects/notes/keys', {
    key,
    body: { name: 'read', scopes: ['read'] },
  });
  keys = { admin: key, platform: adminKey, read: text(read.body, 'key'), wrong: 'lk_wrong' };
  ids = {
    price: price.id,
    product: text(price, 'product'),
    foreign: foreign.id,
    customer: customer.id,
    foreign_customer: foreignCustomer.id,
  };
});
afterAll(() => shop.close());

function withIds(words: string): string {
  return words.replaceAll(/\{(\w+)\}/g, (word, name: string) => ids[name] ?? word);
}

function send([request, body, , , { key = 'admin', headers = {} } = {}]: Row) {
  const [method = '', path = ''] = request.split(' ');
  const bearer = keys[key];
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const all = {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...Object.fromEntries(
      Object.entries({ ...type, ...headers }).filter(([, value]) => value !== ''),
    ),
  };
  return shop.service.app.inject({
    method: method as 'GET', // the tables name methods that there are
    url: withIds(path.startsWith('/') ? path : `/api/v1/${path}`),
    headers: all,
    ...(body === undefined
      ? {}
      : { payload: withIds(typeof body === 'string' ? body : JSON.stringify(body)) }),
  });
}

const tables = { requests, grants, catalog, checkouts, operators, usage };

describe.each(Object.entries(tables))('%s', (_name, rows) => {
  it.each(rows.map((row) => ({ row, request: row[0], detail: row[3] })))(
    '$request: $detail',
    async ({ row }) => {
      const { statusCode, body } = await send(row);
      const problem: unknown = JSON.parse(body);
      expect([`${statusCode} ${text(problem, 'code')}`, text(problem, 'detail')]).toEqual([
        row[2],
        row[3],
      ]);
    },
  );
});

it('405 names in `Allow` the methods of the path, HEAD included', async () => {
  const { headers } = await send(['PUT admin/projects/notes', {}, '405 method_not_allowed', '']);
  expect(headers.allow).toBe('GET, HEAD, PATCH');
});
