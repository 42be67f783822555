import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { linkingOf, ours } from '../helpers/linking.ts';
import { adminKey, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let other: { projectId: string; key: string };

const { customer, subscribe, purchase, link, stored } = linkingOf(() => shop);
const pro = { export: true, notebooks: 10 };

beforeAll(async () => {
  shop = await startShop();
  other = await shop.service.createProject('other');
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
});

describe('DELETE /admin/users/{user_id}/customers/{id}', () => {
  const unlink = (userId: string, id: string, key = shop.key, query = 'reason=mistake') =>
    shop.service.request('DELETE', `/admin/users/${userId}/customers/${id}?${query}`, { key });

  it('200: the user loses what the customer gave at once, and no user has the customer; a repetition is a 404', async () => {
    const id = await customer();
    await subscribe(id);
    await purchase(id);
    await link('left', id);
    expect(await shop.entitled('left')).toEqual({ ...pro, theme: { dark: false } });
    let answer: TestResponse | undefined;
    const rows = await auditOf(shop.service, async () => {
      answer = await unlink('left', id);
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { user_id: 'left', stripe_customer_id: id },
    });
    expect(rows).toEqual([
      {
        action: 'customer.unlink',
        actor: expect.stringMatching(/^key_/) as string,
        targetId: id,
        userId: 'left',
        reason: 'mistake',
        before: { user_id: 'left' },
        after: { user_id: null },
      },
    ]);
    expect(await shop.entitled('left')).toEqual({});
    const read = await shop.service.request('GET', '/entitlements?user_id=left', { key: shop.key });
    expect(at(read.body, 'revision')).toBe(at(answer?.body, 'revision'));
    expect(await stored(id)).toMatchObject({ uid: null, linkedBy: null, isPrimary: false });
    await shop.settle();
    expect(await shop.entitled('left')).toEqual({});
    const again = await auditOf(shop.service, async () => {
      expect(await unlink('left', id)).toMatchObject({
        status: 404,
        body: { code: 'customer_not_found' },
      });
    });
    expect(again).toEqual([]);
    // The right user may have it then.
    expect((await link('right', id)).status).toBe(200);
    expect(await shop.entitled('right')).toEqual({ ...pro, theme: { dark: false } });
  });

  it('200: what a checkout or its own metadata assigns to the user stays with the user', async () => {
    const id = await customer();
    await subscribe(id, { ...ours, user_id: 'sub_named' });
    await link('sub_named', id);
    await purchase(id);
    const checkout = await shop.checkout('sub_named', 'pass');
    const session = await shop.stripe.checkout.sessions.retrieve(text(checkout.body, 'id'));
    expect(session.customer).toBe(id);
    await shop.sandbox.buyer.pay(session.id);
    await shop.settle();
    expect(await shop.entitled('sub_named')).toEqual({ ...pro, theme: { dark: false } });
    expect((await unlink('sub_named', id)).status).toBe(200);
    await shop.settle();
    expect(await shop.entitled('sub_named')).toEqual(pro);
    const { prisma } = shop.service.deps.database;
    expect(await prisma.purchase.count({ where: { user: { userId: 'sub_named' } } })).toBe(1);
  });

  it('200: a customer whose metadata now names another user goes to that user', async () => {
    const id = await customer();
    await subscribe(id);
    await link('before', id);
    await shop.stripe.customers.update(id, { metadata: { ...ours, user_id: 'after' } });
    await shop.settle();
    expect(await shop.entitled('before')).toEqual(pro);
    const rows = await auditOf(shop.service, async () => {
      expect((await unlink('before', id)).status).toBe(200);
    });
    expect(rows).toMatchObject([{ after: { user_id: 'after' } }]);
    expect(await shop.entitled('before')).toEqual({});
    expect(await shop.entitled('after')).toEqual(pro);
  });

  it('200: a customer that was deleted at Stripe, and by the platform key without a project', async () => {
    const id = await customer();
    await purchase(id);
    await link('deleted', id);
    await shop.stripe.customers.del(id);
    expect((await unlink('deleted', id, adminKey)).status).toBe(200);
    expect(await shop.entitled('deleted')).toEqual({});
  });

  it('one of two concurrent requests unlinks, and one audit row is written', async () => {
    const id = await customer();
    await subscribe(id);
    await link('twice', id);
    const rows = await auditOf(shop.service, async () => {
      const answers = await Promise.all([unlink('twice', id), unlink('twice', id)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
    });
    expect(rows).toHaveLength(1);
  });

  it('400 without a reason', async () => {
    expect(await unlink('u', 'cus_1', shop.key, '')).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'reason' }] },
    });
  });

  it("404: another user's, another project's and no customer look alike", async () => {
    const id = await customer();
    await link('has_it', id);
    const nothing = await unlink('has_it', 'cus_nothing');
    for (const [user, key] of [
      ['another', shop.key],
      ['has_it', other.key],
    ] as const) {
      const answer = await unlink(user, id, key);
      expect(answer.status).toBe(404);
      expect(sameProblem(answer.body)).toEqual(sameProblem(nothing.body));
    }
    expect(await stored(id)).toMatchObject({ user: { userId: 'has_it' } });
  });

  it('409: its own metadata names the user, so the next event would link it again', async () => {
    const named = await customer({ ...ours, user_id: 'named_here' });
    await link('named_here', named);
    expect(await unlink('named_here', named)).toMatchObject({
      status: 409,
      body: { code: 'customer_named' },
    });
    expect(await stored(named)).toMatchObject({ user: { userId: 'named_here' } });
  });

  it('502: Stripe cannot be asked, and nothing is unlinked', async () => {
    const id = await customer();
    await link('stays', id);
    shop.sandbox.faults.api({ path: /\/v1\/customers/, status: 429 });
    expect(await unlink('stays', id)).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
    expect(await stored(id)).toMatchObject({ user: { userId: 'stays' } });
  });
});
