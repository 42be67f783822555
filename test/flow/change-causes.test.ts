import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

/** Acts, and returns the causes and effects of the changes of a user that came of it. */
async function changesOf(userId: string, act: () => Promise<unknown>): Promise<unknown[]> {
  const { key, service } = shop;
  const { body } = await service.request('GET', '/changes', { key });
  await act();
  const read = await service.request(
    'GET',
    `/changes?after=${text(body, 'next_cursor')}&user_id=${userId}`,
    { key },
  );
  return (at(read.body, 'data') as { cause: string; gained: string[]; lost: string[] }[]).map(
    ({ cause, gained, lost }) => ({ cause, gained, lost }),
  );
}

const gained = ['export', 'notebooks'];

it('what Stripe reports has the cause `stripe`', async () => {
  const changes = await changesOf('ann', async () => {
    await shop.buy('ann', 'pro');
    await shop.settle();
  });
  expect(changes).toEqual([{ cause: 'stripe', gained, lost: [] }]);
});

it('what a reconciliation corrects has the cause `reconciliation`', async () => {
  await shop.buy('bo', 'pro');
  const changes = await changesOf('bo', () => reconcile(shop.service));
  expect(changes).toEqual([{ cause: 'reconciliation', gained, lost: [] }]);
  await shop.settle();
});

it('what an operator links and unlinks has the cause `operator`', async () => {
  const { key, service, stripe, prices } = shop;
  const customer = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  await stripe.subscriptions.create({ customer: customer.id, items: [{ price: prices.pro }] });
  const linked = await changesOf('cy', () =>
    service.request('POST', '/admin/users/cy/customers', {
      key,
      body: { stripe_customer_id: customer.id },
    }),
  );
  expect(linked).toEqual([{ cause: 'operator', gained, lost: [] }]);
  const unlinked = await changesOf('cy', () =>
    service.request('DELETE', `/admin/users/cy/customers/${customer.id}?reason=mistake`, { key }),
  );
  expect(unlinked).toEqual([{ cause: 'operator', gained: [], lost: gained }]);
});

it('what a setting of the project changes has the cause `policy`', async () => {
  const { key, service, stripe } = shop;
  await shop.buy('di', 'forever');
  await shop.settle();
  const patch = (refund_full: string) =>
    service.request('PATCH', '/admin/projects/notes', { key, body: { settings: { refund_full } } });
  await patch('keep');
  await stripe.refunds.create({ charge: (await shop.chargeOf('di')).id });
  await shop.settle();
  expect(await changesOf('di', () => patch('revoke'))).toEqual([
    { cause: 'policy', gained: [], lost: ['theme'] },
  ]);
});
