import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Ids that would make another path of the one that they are put into, at Stripe or here. Sent as they
 * are: `fetch` and `inject` take `.` and `..` out of a path before they send it.
 */

let shop: Shop;
let port: number;

beforeAll(async () => {
  shop = await startShop();
  ({ port } = shop.service.app.server.address() as AddressInfo); // that of TCP, which it listens on
});
afterAll(() => shop.close());

function send(method: string, path: string, body?: object): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${shop.key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path: `/api/v1${path}`, headers },
      (answer) => {
        answer.resume().on('end', () => {
          resolve(answer.statusCode);
        });
      },
    );
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const ids = ['.', '..', '../customers', 'x/../../account', 'x?expand=y', 'x#y', 'x%2Fy', 'x\\y'];

const requests: [string, (id: string) => Promise<number | undefined>][] = [
  ['the product of a path', (id) => send('PUT', `/admin/products/${inPath(id)}`, { features: {} })],
  ['the price of a path', (id) => send('PUT', `/admin/prices/${inPath(id)}`, {})],
  ['the session of a path', (id) => send('GET', `/checkout/sessions/${inPath(id)}`)],
  ['the purchase of a path', (id) => send('POST', `/admin/purchases/${inPath(id)}/attach`, user)],
  ['the event of a path', (id) => send('GET', `/admin/events/${inPath(id)}`)],
  [
    'a customer to link',
    (id) => send('POST', '/admin/users/u_1/customers', { stripe_customer_id: id }),
  ],
  [
    'customers to link',
    (id) => send('POST', '/admin/customers/link', { pairs: [{ ...user, stripe_customer_id: id }] }),
  ],
  [
    'the price of a checkout',
    (id) =>
      send('POST', '/checkout/sessions', {
        ...user,
        price_id: id,
        success_url: 'https://notes.example',
        cancel_url: 'https://notes.example',
      }),
  ],
];
const user = { user_id: 'u_1' };

/** Dots are what they are however they are encoded. */
function inPath(id: string): string {
  return /^\.+$/.test(id) ? id : encodeURIComponent(id);
}

describe.each(requests)('%s', (_, sendId) => {
  it.each(ids)('400: %j, and Stripe is asked nothing', async (id) => {
    const before = shop.sandbox.requests.length;
    expect(await sendId(id)).toBe(400);
    expect(shop.sandbox.requests).toHaveLength(before);
  });
});

describe('a user id', () => {
  it.each(['.', '..', '%2e', '%2E%2e'])('400: %s in a path', async (id) => {
    expect(await send('GET', `/admin/users/${id}`)).toBe(400);
    expect(await send('DELETE', `/admin/users/${id}?reason=x`)).toBe(400);
    const body = { stripe_customer_id: 'cus_1' };
    expect(await send('POST', `/admin/users/${id}/customers`, body)).toBe(400);
  });

  it.each(['.', '..'])(
    '400: %s in a query or a body, so that no user has a name without a path',
    async (id) => {
      expect(await send('GET', `/entitlements?user_id=${id}`)).toBe(400);
      const grant = { user_id: id, feature_code: 'export', reason: 'x' };
      expect(await send('POST', '/admin/grant', grant)).toBe(400);
    },
  );

  it.each(['...', '.x', 'a/b', 'a/../b', 'a?b', '100%'])('200: %s', async (id) => {
    expect(await send('GET', `/entitlements?user_id=${encodeURIComponent(id)}`)).toBe(200);
    const grant = { user_id: id, feature_code: 'export', reason: 'x' };
    expect(await send('POST', '/admin/grant', grant)).toBe(201);
    expect(await send('GET', `/admin/users/${encodeURIComponent(id)}`)).toBe(200);
  });
});
