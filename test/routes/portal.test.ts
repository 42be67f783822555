import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text, withoutRequestId } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let rival: { projectId: string; key: string };
const return_url = 'https://notes.example/account';

beforeAll(async () => {
  shop = await startShop();
  rival = await shop.service.createProject('rival', {
    redirect_origins: ['https://notes.example'],
  });
  await shop.buy('u_customer', 'pro');
  await shop.settle();
});
afterAll(() => shop.close());

function open(body: object, key = shop.key) {
  return shop.service.request('POST', '/portal/sessions', { key, body });
}

it('201: a link to the portal of the user’s own customer', async () => {
  const answer = await open({ user_id: 'u_customer', return_url });
  expect(answer.status).toBe(201);
  expect(text(answer.body, 'url')).toContain(shop.sandbox.url);
});

describe('404', () => {
  it('a user without a customer', async () => {
    expect(await open({ user_id: 'u_nobody', return_url })).toMatchObject({
      status: 404,
      body: { code: 'customer_not_found' },
    });
  });

  it("another project's user looks like nobody", async () => {
    const [theirs, nobody] = await Promise.all([
      open({ user_id: 'u_customer', return_url }, rival.key),
      open({ user_id: 'u_nobody', return_url }, rival.key),
    ]);
    expect(theirs.status).toBe(404);
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(nobody.body));
  });

  it('another project named looks like none', async () => {
    const [theirs, nobody] = await Promise.all(
      ['notes', 'nobody'].map((project_id) =>
        open({ project_id, user_id: 'u_customer', return_url }, rival.key),
      ),
    );
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(theirs?.body)).toEqual(withoutRequestId(nobody?.body));
  });
});

it('422: the way back must lie on an origin of the project', async () => {
  expect(await open({ user_id: 'u_customer', return_url: 'https://evil.example/' })).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'return_url' }] },
  });
});

it('400 names what is not known', async () => {
  expect(await open({ user_id: 'u_customer', return_url, customer: 'cus_1' })).toMatchObject({
    status: 400,
    body: { errors: [{ path: 'customer' }] },
  });
});

it('502: Stripe is away', async () => {
  shop.sandbox.faults.api({ path: /\/v1\/billing_portal/, status: 500 });
  expect(await open({ user_id: 'u_customer', return_url })).toMatchObject({
    status: 502,
    body: { code: 'stripe_unavailable' },
  });
  shop.sandbox.faults.clear();
});
