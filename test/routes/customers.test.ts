import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { linkingOf, ours } from '../helpers/linking.ts';
import { adminKey, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { watchWork } from './contract/work.ts';

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

describe('POST /admin/users/{user_id}/customers', () => {
  it('200: the user has at once what the customer has, subscriptions and purchases', async () => {
    const id = await customer();
    await subscribe(id);
    await purchase(id);
    const answer = await link('ann', id);
    expect(answer).toMatchObject({
      status: 200,
      body: { user_id: 'ann', stripe_customer_id: id, objects: 3, pending: 0 },
    });
    expect(await shop.entitled('ann')).toEqual({ ...pro, theme: { dark: false } });
    const read = await shop.service.request('GET', '/entitlements?user_id=ann', { key: shop.key });
    expect(at(read.body, 'revision')).toBe(at(answer.body, 'revision'));
    expect(await stored(id)).toMatchObject({ linkedBy: 'operator', user: { userId: 'ann' } });
  });

  it('200: what ended or was refunded gives nothing', async () => {
    const id = await customer();
    await shop.stripe.subscriptions.cancel(await subscribe(id));
    await purchase(id);
    const { data } = await shop.stripe.charges.list({ customer: id });
    for (const charge of data) await shop.sandbox.billing.refund(charge.id);
    expect(await link('bob', id)).toMatchObject({ status: 200, body: { objects: 3, pending: 0 } });
    expect(await shop.entitled('bob')).toEqual({});
    expect(await shop.reason('bob', 'export')).toBe('expired');
  });

  it('200: a dispute that was lost before counts', async () => {
    const id = await customer();
    await purchase(id);
    const { data } = await shop.stripe.charges.list({ customer: id });
    const dispute = await shop.sandbox.billing.openDispute(data[0]?.id ?? '');
    await shop.sandbox.billing.closeDispute(dispute, 'lost');
    expect(await link('disputed', id)).toMatchObject({ status: 200, body: { objects: 3 } });
    expect(await shop.entitled('disputed')).toEqual({});
  });

  it('200: objects of earlier webhooks belong to the user, too', async () => {
    const id = await customer();
    await subscribe(id);
    await shop.settle();
    expect(await shop.entitled('early')).toEqual({});
    await link('early', id);
    expect(await shop.entitled('early')).toEqual(pro);
    await shop.settle();
    expect(await shop.entitled('early')).toEqual(pro);
  });

  it('200: again for the same user fetches again, and records nothing', async () => {
    const id = await customer();
    await link('again', id);
    await subscribe(id);
    const rows = await auditOf(shop.service, async () => {
      expect(await link('again', id)).toMatchObject({ status: 200, body: { audit_id: null } });
    });
    expect(rows).toEqual([]);
    expect(await shop.entitled('again')).toEqual(pro);
  });

  it('200: one audit row says who linked what to whom and why', async () => {
    const id = await customer();
    let answer: TestResponse | undefined;
    const rows = await auditOf(shop.service, async () => {
      answer = await link('audited', id, shop.key, { reason: 'moved in' });
    });
    expect(rows).toEqual([
      {
        action: 'customer.link',
        actor: expect.stringMatching(/^key_/) as string,
        targetId: id,
        userId: 'audited',
        reason: 'moved in',
        before: null,
        after: { user_id: 'audited', objects: 1 },
      },
    ]);
    expect(text(answer?.body, 'audit_id')).toMatch(/^au_/);
  });

  it('200: a repeated idempotency key links once, and answers the same', async () => {
    const id = await customer();
    const send = (): Promise<TestResponse> =>
      shop.service.request('POST', '/admin/users/idem/customers', {
        key: shop.key,
        headers: { 'idempotency-key': 'link-once' },
        body: { stripe_customer_id: id },
      });
    const rows = await auditOf(shop.service, async () => {
      const [first, second] = [await send(), await send()];
      expect(text(first.body, 'audit_id')).toMatch(/^au_/);
      expect(second.body).toEqual(first.body);
    });
    expect(rows).toHaveLength(1);
  });

  it('200: a user may have several customers; a link changes nothing of which one checkout used', async () => {
    await shop.checkout('several', 'pass');
    const first = await shop.customerOf('several');
    const id = await customer();
    await subscribe(id);
    await link('several', id);
    expect(await shop.entitled('several')).toEqual(pro);
    expect(await stored(first)).toMatchObject({ isPrimary: true });
    expect(await stored(id)).toMatchObject({ isPrimary: false });
  });

  it('200: what could not be fetched after the link is fetched by the worker', async () => {
    const id = await customer();
    await subscribe(id);
    shop.sandbox.faults.api({ path: /\/v1\/subscriptions\/sub/, status: 429 });
    expect(await link('later', id)).toMatchObject({
      status: 200,
      body: { objects: 2, pending: 1 },
    });
    expect(await shop.entitled('later')).toEqual({});
    shop.sandbox.faults.clear();
    await shop.service.runWorker();
    expect(await shop.entitled('later')).toEqual({});
    shop.service.clock.advance(30_000);
    await shop.service.runWorker();
    expect(await shop.entitled('later')).toEqual(pro);
  });

  it('200: the platform key names the project, and may link a customer without a user', async () => {
    const id = await customer({});
    expect((await link('platform', id, adminKey)).body).toMatchObject({
      code: 'project_id_required',
    });
    expect((await link('platform', id, adminKey, { project_id: 'notes' })).status).toBe(200);
  });

  it.each([
    ['stripe_customer_id', { stripe_customer_id: 'a b' }],
    ['stripe_customer_id', { stripe_customer_id: undefined }],
    ['primary', { primary: true }],
    ['reason', { reason: '' }],
  ])('400 names %s: %j', async (path, more) => {
    const answer = await link('u', 'cus_1', shop.key, more);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  it('401 without a key, 403 without the scope', async () => {
    const reader = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'reader', scopes: ['read', 'checkout'] },
    });
    const path = '/admin/users/u/customers';
    const body = { stripe_customer_id: 'cus_1' };
    expect((await shop.service.request('POST', path, { body })).status).toBe(401);
    expect(await link('u', 'cus_1', text(reader.body, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it("404: another project's customer looks like one that Stripe does not know, however it is theirs", async () => {
    const nobodys = await link('eve', 'cus_nothing', other.key);
    expect(nobodys).toMatchObject({ status: 404, body: { code: 'customer_not_found' } });

    const linked = await customer();
    await link('owner', linked);
    const byMetadata = await customer({ project_id: 'notes', user_id: 'owner' });
    const byProject = await customer({ project_id: 'notes' });
    const bySubscription = await customer({});
    await subscribe(bySubscription, { project_id: 'notes', user_id: 'owner' });
    const deleted = await customer();
    await link('owner', deleted);
    await shop.stripe.customers.del(deleted);
    const unnamed = await customer({});
    const unnamedAndDeleted = await customer({});
    await shop.stripe.customers.del(unnamedAndDeleted);
    for (const id of [
      ...[linked, byMetadata, byProject, bySubscription, deleted],
      ...[unnamed, unnamedAndDeleted],
    ]) {
      const rows = await auditOf(shop.service, async () => {
        const work = watchWork(shop.sandbox);
        const answer = await link('eve', id, other.key);
        const hidden = work.done();
        expect(answer.status).toBe(404);
        expect(sameProblem(answer.body)).toEqual(sameProblem(nobodys.body));
        await link('eve', 'cus_nothing', other.key);
        expect(work.done(), 'asks the same of Stripe and of Postgres').toEqual(hidden);
        work.stop();
      });
      expect(rows).toEqual([]);
    }
    const { user } = shop.service.deps.database.prisma;
    expect(await user.count({ where: { projectId: 'other' } })).toBe(0);
    await shop.settle();
    expect(await shop.entitled('owner')).toEqual(pro);
  });

  it("404: a customer who bought another project's products, though no user is named", async () => {
    const [guest, subscriber] = [await customer({}), await customer({})];
    await purchase(guest);
    await subscribe(subscriber);
    await shop.settle();
    const nothing = await link('thief', 'cus_nothing', other.key);
    for (const id of [guest, subscriber]) {
      const answer = await link('thief', id, other.key);
      expect(answer.status).toBe(404);
      expect(sameProblem(answer.body)).toEqual(sameProblem(nothing.body));
    }
    // Whose the goods are may.
    expect((await link('owner_1', guest)).status).toBe(200);
    expect((await link('owner_2', subscriber)).status).toBe(200);
  });

  it("404: nor one who bought the goods of both, since the link would take the other's along", async () => {
    const product = await shop.stripe.products.create({
      name: 'Tasks',
      metadata: { project_id: other.projectId },
    });
    const price = await shop.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 500,
      recurring: { interval: 'month' },
    });
    const taken = await shop.service.request('PUT', `/admin/products/${product.id}`, {
      key: other.key,
      body: {},
    });
    expect(taken.status).toBe(200);
    const id = await customer({});
    await subscribe(id);
    await shop.stripe.subscriptions.create({ customer: id, items: [{ price: price.id }] });
    await shop.settle();
    for (const key of [shop.key, other.key]) {
      expect(await link('both', id, key)).toMatchObject({
        status: 404,
        body: { code: 'customer_not_found' },
      });
    }
    expect((await link('both', id, adminKey, { project_id: 'notes' })).status).toBe(200);
  });

  describe('what does not fit on one page of a list', () => {
    beforeEach(() => {
      shop.sandbox.largestPage = 1;
    });
    afterEach(() => {
      shop.sandbox.largestPage = 100;
    });

    it('200: belongs to the user too', async () => {
      const id = await customer();
      const ids = [await subscribe(id), await subscribe(id), await subscribe(id)];
      await purchase(id);
      await purchase(id);
      expect(await link('much', id)).toMatchObject({
        status: 200,
        body: { objects: 6, pending: 0 },
      });
      const held = await shop.service.deps.database.prisma.subscription.findMany({
        where: { user: { userId: 'much' } },
      });
      expect(held.map((row) => row.id).sort()).toEqual(ids.sort());
    });

    it("404: is another project's, though the first page shows none of that", async () => {
      const id = await customer({});
      await subscribe(id, { project_id: 'other', user_id: 'them' });
      await subscribe(id, ours);
      const rows = await auditOf(shop.service, async () => {
        expect(await link('greedy', id)).toMatchObject({
          status: 404,
          body: { code: 'customer_not_found' },
        });
      });
      expect(rows).toEqual([]);
      expect(await stored(id)).toBeNull();
    });
  });

  it('409: another user of the project has it, or is named by it', async () => {
    const linked = await customer();
    await link('first', linked);
    const named = await customer({ project_id: 'notes', user_id: 'first' });
    for (const id of [linked, named]) {
      expect(await link('second', id)).toMatchObject({
        status: 409,
        body: { code: 'customer_linked' },
      });
    }
  });

  it('409: another user holds what it bought, though nothing at Stripe names that user', async () => {
    const id = await customer({});
    await purchase(id);
    await shop.settle();
    const bought = await shop.service.deps.database.prisma.purchase.findFirstOrThrow({
      where: { session: { customerId: id } },
    });
    const attached = await shop.service.request('POST', `/admin/purchases/${bought.id}/attach`, {
      key: shop.key,
      body: { user_id: 'holder' },
    });
    expect(attached.status).toBe(200);
    expect(await link('another', id)).toMatchObject({
      status: 409,
      body: { code: 'customer_linked' },
    });
    expect((await link('holder', id)).status).toBe(200);
  });

  it('of those who link one customer at the same time one has it, the others learn what they may', async () => {
    const id = await customer({});
    const subscription = await subscribe(id);
    const [, ...answers] = await Promise.all([
      syncObject(shop.service.deps, { objectType: 'subscription', objectId: subscription }),
      link('race_1', id),
      link('race_2', id),
      link('race_3', id, other.key),
    ]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 404, 409]);
    expect(statuses[2]).toBe(404);
    const owner = (await stored(id))?.user;
    expect(owner).toMatchObject({
      userId: `race_${statuses.indexOf(200) + 1}`,
      projectId: 'notes',
    });
    for (const userId of ['race_1', 'race_2']) {
      expect(await shop.entitled(userId)).toEqual(userId === owner?.userId ? pro : {});
    }
  });

  it('200: a customer is the project’s to link by its metadata, what it bought, or what names the project', async () => {
    const byProject = await customer({ project_id: 'notes' });
    const byUser = await customer({ project_id: 'notes', user_id: 'named' });
    const byGoods = await customer({});
    await purchase(byGoods);
    const bySubscription = await customer({ project_id: 'no_such_project', user_id: 'x' });
    await subscribe(bySubscription, ours);
    for (const id of [byProject, byUser, byGoods, bySubscription]) {
      expect((await link('named', id)).status).toBe(200);
    }
  });

  it('404, and 200 by the platform key: no project may take a customer without a user', async () => {
    for (const metadata of [{}, { project_id: 'no_such_project', user_id: 'x' }]) {
      const id = await customer(metadata);
      expect(await link('nobodys', id)).toMatchObject({
        status: 404,
        body: { code: 'customer_not_found' },
      });
      expect(await stored(id)).toBeNull();
      const byPlatform = await link('nobodys', id, adminKey, { project_id: 'notes' });
      expect(byPlatform.status).toBe(200);
      // Its own from then on.
      expect(await link('nobodys', id)).toMatchObject({ status: 200, body: { audit_id: null } });
    }
  });

  it('200 by the platform key: what a shared customer has that names another project stays there', async () => {
    const id = await customer({});
    await subscribe(id);
    const theirs = await subscribe(id, { project_id: 'other', user_id: 'them' });
    expect((await link('shared', id)).status, 'before any news of it').toBe(404);
    await shop.settle();
    expect((await link('shared', id)).status).toBe(404);
    expect((await link('shared', id, adminKey, { project_id: 'notes' })).status).toBe(200);
    await shop.settle();
    expect(await shop.entitled('shared')).toEqual(pro);
    const { user } = await shop.service.deps.database.prisma.subscription.findUniqueOrThrow({
      where: { id: theirs },
      include: { user: true },
    });
    expect(user).toMatchObject({ projectId: 'other', userId: 'them' });
  });

  it('409 by the platform key: a customer that is another project’s is not taken away unseen', async () => {
    const linked = await customer();
    await link('theirs', linked);
    const named = await customer({ project_id: 'notes' });
    for (const id of [linked, named]) {
      expect(await link('u', id, adminKey, { project_id: 'other' })).toMatchObject({
        status: 409,
        body: { code: 'customer_linked' },
      });
    }
  });

  it('422: a customer that was deleted at Stripe', async () => {
    const id = await customer();
    await link('gone', id);
    await shop.stripe.customers.del(id);
    expect(await link('gone', id)).toMatchObject({
      status: 422,
      body: { code: 'customer_deleted' },
    });
  });

  it('502: Stripe cannot be asked, and nothing is linked', async () => {
    const id = await customer();
    shop.sandbox.faults.api({ path: /\/v1\/charges/, status: 429 });
    expect(await link('u', id)).toMatchObject({
      status: 502,
      body: { code: 'stripe_unavailable' },
    });
    expect(await stored(id)).toBeNull();
  });
});
