import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { adminKey, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let other: { projectId: string; key: string };
let counter = 0;

const pro = { export: true, notebooks: 10 };

beforeAll(async () => {
  shop = await startShop();
  other = await shop.service.createProject('other');
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
  counter += 1;
});

/** A customer that was at Stripe before Latchkey was. */
async function customer(metadata: Record<string, string> = {}): Promise<string> {
  const { id } = await shop.stripe.customers.create({ email: `c${counter}@example.com`, metadata });
  return id;
}

/** A subscription to `pro` of a customer. */
async function subscribe(id: string, metadata: Record<string, string> = {}): Promise<string> {
  const { id: subscription } = await shop.stripe.subscriptions.create({
    customer: id,
    items: [{ price: shop.prices.pro }],
    metadata,
  });
  return subscription;
}

/** A purchase of `forever` by a customer, not through Latchkey. */
async function purchase(id: string): Promise<void> {
  const session = await shop.stripe.checkout.sessions.create({
    mode: 'payment',
    customer: id,
    line_items: [{ price: shop.prices.forever, quantity: 1 }],
    success_url: 'https://notes.example/',
  });
  await shop.sandbox.buyer.pay(session.id);
}

const link = (userId: string, id: string, key = shop.key, more: object = {}) =>
  shop.service.request('POST', `/admin/users/${userId}/customers`, {
    key,
    body: { stripe_customer_id: id, ...more },
  });

function stored(id: string) {
  return shop.service.deps.database.prisma.customer.findUnique({
    where: { id },
    include: { user: true },
  });
}

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

  it('200: what the webhook told of before belongs to the user too', async () => {
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

  it('200: the platform key names the project', async () => {
    const id = await customer();
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
    const bySubscription = await customer();
    await subscribe(bySubscription, { project_id: 'notes', user_id: 'owner' });
    const deleted = await customer();
    await link('owner', deleted);
    await shop.stripe.customers.del(deleted);
    for (const id of [linked, byMetadata, byProject, bySubscription, deleted]) {
      const rows = await auditOf(shop.service, async () => {
        const answer = await link('eve', id, other.key);
        expect(answer.status).toBe(404);
        expect(sameProblem(answer.body)).toEqual(sameProblem(nobodys.body));
      });
      expect(rows).toEqual([]);
    }
    const { user } = shop.service.deps.database.prisma;
    expect(await user.count({ where: { projectId: 'other' } })).toBe(0);
    await shop.settle();
    expect(await shop.entitled('owner')).toEqual(pro);
  });

  it("404: nor is a customer to be had who bought another project's goods, though nobody is named", async () => {
    const [guest, subscriber] = [await customer(), await customer()];
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

  it('of those who link one customer at the same time one has it, the others learn what they may', async () => {
    const id = await customer();
    const subscription = await subscribe(id);
    const [, ...answers] = await Promise.all([
      syncObject(shop.service.deps, { objectType: 'subscription', objectId: subscription }),
      link('race_1', id),
      link('race_2', id),
      link('race_3', id, other.key),
    ]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    const owner = (await stored(id))?.user;
    const own = statuses.indexOf(200) + 1;
    expect(owner).toMatchObject({
      userId: `race_${own}`,
      projectId: own === 3 ? 'other' : 'notes',
    });
    expect(statuses.toSorted((a, b) => a - b)).toEqual(
      own === 3 ? [200, 404, 404] : [200, 404, 409],
    );
    for (const userId of ['race_1', 'race_2']) {
      expect(await shop.entitled(userId)).toEqual(userId === owner?.userId ? pro : {});
    }
  });

  it('200: a customer whose metadata names the project, or the user, is theirs to link', async () => {
    const byProject = await customer({ project_id: 'notes' });
    const byUser = await customer({ project_id: 'notes', user_id: 'named' });
    const byGhost = await customer({ project_id: 'no_such_project', user_id: 'x' });
    for (const id of [byProject, byUser, byGhost]) {
      expect((await link('named', id)).status).toBe(200);
    }
  });

  it('422: a customer that was deleted at Stripe', async () => {
    const id = await customer();
    await shop.stripe.customers.del(id);
    expect(await link('u', id)).toMatchObject({ status: 422, body: { code: 'customer_deleted' } });
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
