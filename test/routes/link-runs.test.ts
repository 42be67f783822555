import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { linkPending } from '../../src/linking/link-pending.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { allPages } from '../helpers/lists.ts';
import type { TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let other: { projectId: string; key: string };

const pro = { export: true, notebooks: 10 };

beforeAll(async () => {
  shop = await startShop();
  other = await shop.service.createProject('other');
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.sandbox.faults.clear();
});

/** A customer that was at Stripe before Latchkey was, of the project. */
async function customer(projectId = 'notes'): Promise<string> {
  const metadata = { project_id: projectId };
  return (await shop.stripe.customers.create({ email: 'ada@example.com', metadata })).id;
}

async function subscribe(id: string): Promise<void> {
  await shop.stripe.subscriptions.create({ customer: id, items: [{ price: shop.prices.pro }] });
}

const linkMany = (pairs: object[]): Promise<TestResponse> =>
  shop.service.request('POST', '/admin/customers/link', { key: shop.key, body: { pairs } });

const pair = (userId: string, id: string) => ({ user_id: userId, stripe_customer_id: id });

/** Returns the owner of the customer; undefined if it has none. */
async function ownerOf(id: string): Promise<string | undefined> {
  const { customer: customers } = shop.service.deps.database.prisma;
  const stored = await customers.findUnique({ where: { id }, include: { user: true } });
  return stored?.user?.userId;
}

describe('POST /admin/customers/link', () => {
  it('202, then: each pair is linked with all it has, or refused with the code it would get alone', async () => {
    const [first, second, theirs] = [await customer(), await customer(), await customer('other')];
    await subscribe(first);
    await subscribe(second);
    await shop.service.request('POST', '/admin/users/eve/customers', {
      key: other.key,
      body: { stripe_customer_id: theirs },
    });
    let started: TestResponse | undefined;
    const rows = await auditOf(shop.service, async () => {
      started = await linkMany([
        pair('many_1', first),
        pair('many_2', second),
        pair('many_3', theirs),
        pair('many_3', 'cus_nothing'),
      ]);
      expect(started).toMatchObject({
        status: 202,
        body: { status: 'running', pairs: 4, pending: 4, linked: 0, finished_at: null },
      });
      await linkPending(shop.service.deps);
    });
    expect(
      rows.map(({ action, targetId, actor }) => [action, targetId, actor.slice(0, 4)]),
    ).toEqual(
      expect.arrayContaining([
        ['customer.link', first, 'key_'],
        ['customer.link', second, 'key_'],
        ['link_run.create', text(started?.body, 'id'), 'key_'],
      ]),
    );
    expect(rows).toHaveLength(3);
    expect(await shop.entitled('many_1')).toEqual(pro);
    expect(await shop.entitled('many_2')).toEqual(pro);
    const path = `/admin/customers/link/${text(started?.body, 'id')}`;
    const run = await shop.service.request('GET', path, { key: shop.key });
    expect(run).toMatchObject({
      status: 200,
      body: { status: 'done', pending: 0, linked: 2, refused: 2 },
    });
    expect(text(run.body, 'finished_at')).toBe(new Date(shop.service.clock.now()).toISOString());
    expect(await allPages(shop.service, `${path}/pairs`, shop.key, 3)).toMatchObject([
      { ...pair('many_1', first), status: 'linked', code: null, objects: 2 },
      { ...pair('many_2', second), status: 'linked', code: null, objects: 2 },
      { ...pair('many_3', theirs), status: 'refused', code: 'customer_not_found', objects: null },
      { ...pair('many_3', 'cus_nothing'), status: 'refused', code: 'customer_not_found' },
    ]);
    const refused = await shop.service.request('GET', `${path}/pairs?status=refused&limit=1`, {
      key: shop.key,
    });
    expect(at(refused.body, 'data', 0, 'stripe_customer_id')).toBe(theirs);
  });

  it('202: while Stripe cannot be asked pairs stay pending, however long', async () => {
    const id = await customer();
    shop.sandbox.faults.api({ path: /\/v1\/customers/, status: 429 });
    const started = await linkMany([pair('patient', id)]);
    const path = `/admin/customers/link/${text(started.body, 'id')}`;
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await linkPending(shop.service.deps);
      shop.service.clock.advance(600_000);
    }
    const during = await shop.service.request('GET', path, { key: shop.key });
    expect(during.body).toMatchObject({ status: 'running', pending: 1 });
    shop.sandbox.faults.clear();
    await linkPending(shop.service.deps);
    const after = await shop.service.request('GET', path, { key: shop.key });
    expect(after.body).toMatchObject({ status: 'done', linked: 1 });
  });

  it('202: a pair that a killed instance held is taken by another, and linked once', async () => {
    const id = await customer();
    const started = await linkMany([pair('killed', id)]);
    const { linkPair } = shop.service.deps.database.prisma;
    const runId = text(started.body, 'id');
    const leaseUntil = new Date(shop.service.clock.now() + 1_000);
    await linkPair.updateMany({ where: { runId }, data: { leaseUntil } });
    await linkPending(shop.service.deps);
    expect(await ownerOf(id)).toBeUndefined();
    shop.service.clock.advance(1_000);
    const rows = await auditOf(shop.service, async () => {
      await Promise.all([linkPending(shop.service.deps), linkPending(shop.service.deps)]);
    });
    expect(rows).toHaveLength(1);
    expect(await ownerOf(id)).toBe('killed');
  });

  it.each([
    ['pairs', []],
    ['pairs', Array.from({ length: 1_001 }, (_, i) => pair('u', `cus_${i}`))],
    ['pairs[1].stripe_customer_id', [pair('u', 'cus_1'), pair('v', 'cus_1')]],
    ['pairs[0].user_id', [pair('', 'cus_1')]],
    ['pairs[0].email', [{ ...pair('u', 'cus_1'), email: 'x' }]],
  ])('400 names %s', async (path, pairs) => {
    const answer = await linkMany(pairs);
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toBe(path);
  });

  it("404: another project's run looks like none", async () => {
    const started = await linkMany([pair('u', 'cus_nothing')]);
    for (const suffix of ['', '/pairs']) {
      const [theirs, nobodys] = await Promise.all(
        [text(started.body, 'id'), 'lr_nothing'].map((id) =>
          shop.service.request('GET', `/admin/customers/link/${id}${suffix}`, { key: other.key }),
        ),
      );
      expect(theirs).toMatchObject({ status: 404, body: { code: 'link_run_not_found' } });
      expect(sameProblem(theirs?.body)).toEqual(sameProblem(nobodys?.body));
    }
  });
});

describe('runs of several projects', () => {
  it('take turns: a pair waits for no more than a round of those of another project', async () => {
    const { prisma } = shop.service.deps.database;
    for (const run of ['a', 'b', 'c']) {
      const pairs = Array.from({ length: 20 }, (_, at) => pair('noisy', `cus_none_${run}${at}`));
      const started = await linkMany(pairs);
      // Their ids go before the other project's, as chance may have it.
      const id = text(started.body, 'id');
      await prisma.linkRun.update({ where: { id }, data: { id: `lr_000${run}` } });
    }
    const mine = await customer('other');
    const started = await shop.service.request('POST', '/admin/customers/link', {
      key: other.key,
      body: { pairs: [pair('quiet', mine)] },
    });
    let rounds = 0;
    await linkPending(shop.service.deps, () => (rounds += 1) > 1);
    const path = `/admin/customers/link/${text(started.body, 'id')}`;
    expect(await shop.service.request('GET', path, { key: other.key })).toMatchObject({
      body: { status: 'done', linked: 1 },
    });
    await linkPending(shop.service.deps);
  });
});
