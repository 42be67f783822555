import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
const day = 86_400_000;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

describe('a subscription', () => {
  it('gives what its product carries, from the webhook on', async () => {
    await shop.buy('u_buyer', 'pro');
    expect(await shop.entitled('u_buyer')).toEqual({});
    await shop.settle();
    expect(await shop.entitled('u_buyer')).toEqual({ export: true, notebooks: 10 });
  });

  it('continues after a renewal, without end', async () => {
    const { service } = shop;
    await shop.advanceTo(service.clock.now() + 32 * day);
    await shop.settle();
    expect(await shop.entitled('u_buyer')).toEqual({ export: true, notebooks: 10 });
    const { body } = await service.request('GET', '/entitlements?user_id=u_buyer', {
      key: shop.key,
    });
    expect(body).toMatchObject({ next_change_at: null });
  });

  it('canceled for the end of the period, ends there to the millisecond, without further news', async () => {
    const { id } = await shop.subscriptionOf('u_buyer');
    const canceled = await shop.stripe.subscriptions.update(id, { cancel_at_period_end: true });
    await shop.settle();
    const end = (canceled.items.data[0]?.current_period_end ?? 0) * 1000;
    shop.service.clock.set(end - 1);
    expect(await shop.entitled('u_buyer')).toEqual({ export: true, notebooks: 10 });
    shop.service.clock.set(end);
    expect(await shop.entitled('u_buyer')).toEqual({});
    expect(await shop.reason('u_buyer', 'export')).toBe('expired');
  });

  it('canceled at once, ends at once; what an operator granted stays', async () => {
    await shop.buy('u_leaver', 'team');
    await shop.settle();
    await shop.service.request('POST', '/admin/grant', {
      key: shop.key,
      body: { user_id: 'u_leaver', feature_code: 'export', reason: 'kindness' },
    });
    const { id } = await shop.subscriptionOf('u_leaver');
    await shop.stripe.subscriptions.cancel(id);
    await shop.settle();
    expect(await shop.entitled('u_leaver')).toEqual({ export: true });
  });

  it('changed to another plan, gives what the new one carries', async () => {
    await shop.buy('u_climber', 'pro');
    await shop.settle();
    const { id, items } = await shop.subscriptionOf('u_climber');
    await shop.stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: shop.prices.team }],
    });
    await shop.settle();
    expect(await shop.entitled('u_climber')).toMatchObject({
      notebooks: 'unlimited',
      theme: { dark: true },
    });
  });

  it('whose payment fails, stays on until exactly the grace ends, and is back once it is paid', async () => {
    await shop.buy('u_debtor', 'pro');
    await shop.settle();
    const { id } = await shop.subscriptionOf('u_debtor');
    const customer = await shop.customerOf('u_debtor');
    await shop.sandbox.billing.failNextPayments(customer, true);
    await shop.advanceTo(shop.service.clock.now() + 33 * day);
    await shop.settle();
    const owing = await shop.stripe.subscriptions.retrieve(id);
    expect(owing.status).toBe('past_due');
    expect(await shop.entitled('u_debtor')).toEqual({ export: true, notebooks: 10 });
    const { data } = await shop.stripe.invoices.list({ subscription: id, status: 'open' });
    const invoice = data[0];
    if (invoice === undefined) throw new Error('no open invoice');
    const graceEnds = (invoice.status_transitions.finalized_at ?? 0) * 1000 + 7 * day;
    shop.service.clock.set(graceEnds - 1);
    expect(await shop.entitled('u_debtor')).toEqual({ export: true, notebooks: 10 });
    shop.service.clock.set(graceEnds);
    expect(await shop.entitled('u_debtor')).toEqual({});
    expect(await shop.reason('u_debtor', 'export')).toBe('payment_overdue');
    await shop.sandbox.billing.failNextPayments(customer, false);
    await shop.sandbox.billing.payOpenInvoice(invoice.id);
    await shop.settle();
    expect(await shop.entitled('u_debtor')).toEqual({ export: true, notebooks: 10 });
  });

  it("keeps its user when its metadata are edited to name another project's", async () => {
    await shop.service.createProject('rival');
    await shop.buy('u_edited', 'pro');
    await shop.settle();
    const { id } = await shop.subscriptionOf('u_edited');
    await shop.stripe.subscriptions.update(id, {
      metadata: { project_id: 'rival', user_id: 'u_thief' },
    });
    await shop.settle();
    expect(await shop.entitled('u_edited')).toEqual({ export: true, notebooks: 10 });
    const { body } = await shop.service.request(
      'GET',
      '/entitlements?user_id=u_thief&project_id=rival',
      { key: shop.service.adminKey },
    );
    expect(body).toMatchObject({ revision: 0 });
  });
});
