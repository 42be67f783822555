import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { text, withoutRequestId } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let rival: { projectId: string; key: string };

beforeAll(async () => {
  shop = await startShop();
  rival = await shop.service.createProject('rival', {
    redirect_origins: ['https://notes.example'],
  });
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
});

describe('GET /checkout/sessions/{id}', () => {
  it("404: another project's session looks like none", async () => {
    const opened = await shop.checkout('u_private', 'pro');
    const ask = (id: string) =>
      shop.service.request('GET', `/checkout/sessions/${id}`, { key: rival.key });
    const [theirs, unknown] = await Promise.all([ask(text(opened.body, 'id')), ask('cs_nobody')]);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'session_not_found' } });
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(unknown.body));
  });

  it('404: another project named looks like none, even beside the own session', async () => {
    const opened = await shop.checkout('u_named', 'pro');
    const ask = (project: string) =>
      shop.service.request(
        'GET',
        `/checkout/sessions/${text(opened.body, 'id')}?project_id=${project}`,
        { key: shop.key },
      );
    const [theirs, unknown] = await Promise.all([ask('rival'), ask('nobody')]);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(unknown.body));
  });

  it('200: what was paid is there at once, though no webhook has come', async () => {
    const id = await shop.buy('u_returned', 'pro');
    expect(
      await shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key }),
    ).toMatchObject({
      status: 200,
      body: {
        id,
        status: 'complete',
        payment_status: 'paid',
        user_id: 'u_returned',
        revision: 1,
        entitlements: [
          { feature_code: 'export', value: true },
          { feature_code: 'notebooks', value: 10 },
        ],
      },
    });
    expect(await shop.entitled('u_returned')).toEqual({ export: true, notebooks: 10 });
  });

  describe('asked often', () => {
    const fetches = (): number =>
      shop.sandbox.counts()['GET /v1/checkout/sessions/:id']?.asked ?? 0;
    const ask = (id: string) =>
      shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key });

    it('requests that come at once share a fetch that had not begun when they came', async () => {
      const id = await shop.buy('u_crowd', 'pro');
      const before = fetches();
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(id)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(fetches() - before).toBeLessThanOrEqual(2);
    });

    it('a session that is paid is not fetched again for a moment', async () => {
      const id = await shop.buy('u_reload', 'pro');
      await ask(id);
      const before = fetches();
      shop.service.clock.advance(4_999);
      expect(await ask(id)).toMatchObject({ body: { payment_status: 'paid' } });
      expect(fetches()).toBe(before);
      shop.service.clock.advance(1);
      await ask(id);
      expect(fetches()).toBe(before + 1);
    });

    it('one that is open is fetched each time: it may be paid in between', async () => {
      const id = text((await shop.checkout('u_undecided', 'pro')).body, 'id');
      expect(await ask(id)).toMatchObject({ body: { status: 'open' } });
      await shop.sandbox.buyer.pay(id);
      expect(await ask(id)).toMatchObject({ body: { payment_status: 'paid' } });
    });
  });

  it('200: the platform key needs no project, since the id says which', async () => {
    const id = text((await shop.checkout('u_platform', 'pro')).body, 'id');
    const ask = (query: string) =>
      shop.service.request('GET', `/checkout/sessions/${id}${query}`, {
        key: shop.service.adminKey,
      });
    expect(await ask('')).toMatchObject({ status: 200, body: { user_id: 'u_platform' } });
    expect(await ask('?project_id=rival')).toMatchObject({
      status: 404,
      body: { code: 'session_not_found' },
    });
  });

  it('502: Stripe is away', async () => {
    const id = text((await shop.checkout('u_waiting', 'pro')).body, 'id');
    shop.sandbox.faults.api({ method: 'GET', status: 429 });
    expect(
      await shop.service.request('GET', `/checkout/sessions/${id}`, { key: shop.key }),
    ).toMatchObject({ status: 502, body: { code: 'stripe_unavailable' } });
  });

  it('200: an open session is reported as open, and gives nothing', async () => {
    const opened = await shop.checkout('u_window_shopper', 'pro');
    const answer = await shop.service.request(
      'GET',
      `/checkout/sessions/${text(opened.body, 'id')}`,
      { key: shop.key },
    );
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'open', payment_status: 'unpaid', entitlements: [] },
    });
  });

  it('200: a key without `read` learns what the user has only from a session that is complete', async () => {
    await shop.buy('u_sold_to', 'pro');
    await shop.settle();
    const cashier = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: shop.service.adminKey,
      body: { name: 'cashier', scopes: ['checkout'] },
    });
    const ask = (id: string, key: string) =>
      shop.service.request('GET', `/checkout/sessions/${id}`, { key });
    const id = text((await shop.checkout('u_sold_to', 'forever')).body, 'id');
    const hidden = { revision: null, entitlements: null };
    expect(await ask(id, text(cashier.body, 'key'))).toMatchObject({
      status: 200,
      body: { status: 'open', user_id: 'u_sold_to', ...hidden },
    });
    expect((await ask(id, shop.key)).body).toMatchObject({
      revision: 1,
      entitlements: [{ feature_code: 'export' }, { feature_code: 'notebooks' }],
    });
    await shop.stripe.checkout.sessions.expire(id);
    expect((await ask(id, text(cashier.body, 'key'))).body).toMatchObject({
      status: 'expired',
      ...hidden,
    });
    const paid = await shop.buy('u_sold_to', 'forever');
    expect((await ask(paid, text(cashier.body, 'key'))).body).toMatchObject({
      status: 'complete',
      revision: 2,
      entitlements: [
        { feature_code: 'export' },
        { feature_code: 'notebooks' },
        { feature_code: 'theme' },
      ],
    });
  });
});
