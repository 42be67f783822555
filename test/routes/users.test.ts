import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { syncObject } from '../../src/mirror/sync.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, entriesAt, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { adminKey, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let other: { projectId: string; key: string };

beforeAll(async () => {
  shop = await startShop();
  other = await shop.service.createProject('other');
});
afterAll(() => shop.close());

const page = (userId: string, key = shop.key, query = ''): Promise<TestResponse> =>
  shop.service.request('GET', `/admin/users/${userId}${query}`, { key });

const erase = (userId: string, key = shop.key, query = '?reason=asked'): Promise<TestResponse> =>
  shop.service.request('DELETE', `/admin/users/${userId}${query}`, { key });

async function post(path: string, body: object): Promise<unknown> {
  const answer = await shop.service.request('POST', path, { key: shop.key, body });
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

/** A user who bought with an e-mail address, which Stripe reported. */
async function buyer(userId: string): Promise<{ email: string; customerId: string }> {
  await shop.buy(userId, 'pro');
  const email = `${userId}@example.com`;
  const customerId = await shop.customerOf(userId);
  await shop.stripe.customers.update(customerId, { email });
  await shop.settle();
  return { email, customerId };
}

describe('GET /admin/users/{user_id}', () => {
  it('200: everything about a user on one page', async () => {
    const { email, customerId } = await buyer('ann');
    await shop.buy('ann', 'forever');
    await shop.settle();
    const about = { user_id: 'ann', reason: 'a test' };
    const granted = await post('/admin/grant', { ...about, feature_code: 'export' });
    const revoked = await post('/admin/revoke', { ...about, feature_code: 'notebooks' });
    const { id: subscriptionId } = await shop.subscriptionOf('ann');

    const { status, body } = await page('ann');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      project_id: 'notes',
      user_id: 'ann',
      erased_at: null,
      customers: [{ id: customerId, email, primary: true, deleted: false, linked_by: 'checkout' }],
      subscriptions: [
        {
          id: subscriptionId,
          stripe_customer_id: customerId,
          status: 'active',
          ended_at: null,
          items: [{ stripe_price_id: shop.prices.pro, quantity: 1 }],
        },
      ],
      purchases: [{ user_id: 'ann', stripe_price_id: shop.prices.forever, attached: false }],
      grants: [at(granted, 'grant')],
      revocations: [at(revoked, 'revocation')],
    });
    const sourcesOf = (code: string): unknown =>
      rowsOf(body, 'timeline')
        .filter((segment) => at(segment, 'feature_code') === code)
        .map((segment) => [at(segment, 'reason'), rowsOf(segment, 'sources').length]);
    expect(sourcesOf('export')).toContainEqual(['granted', 2]);
    expect(sourcesOf('notebooks')).toContainEqual(['revoked', 0]);
    expect(sourcesOf('theme')).toContainEqual(['granted', 1]);
    const read = await shop.service.request('GET', '/entitlements?user_id=ann', { key: shop.key });
    expect(at(body, 'revision')).toBe(at(read.body, 'revision'));

    const listed = await shop.service.request('GET', '/admin/events?limit=100', { key: shop.key });
    const own = rowsOf(listed.body).filter(
      (event) => !['product', 'price'].includes(text(event, 'object', 'type')),
    );
    expect(own.length).toBeGreaterThan(3);
    expect(at(body, 'events')).toEqual(own.slice(0, 20));
  });

  it('200: the number of queries does not grow with what the user has', async () => {
    await buyer('few');
    await buyer('many');
    for (let times = 0; times < 5; times += 1) {
      await post('/admin/grant', { user_id: 'many', feature_code: 'export', reason: 'more' });
      await shop.buy('many', 'forever');
    }
    await shop.settle();
    const queriesFor = async (userId: string): Promise<number> => {
      const client = await shop.service.deps.database.pool.connect();
      client.release();
      const query = vi.spyOn(Object.getPrototypeOf(client) as typeof client, 'query');
      expect((await page(userId)).status).toBe(200);
      const { length } = query.mock.calls;
      query.mockRestore();
      return length;
    };
    const few = await queriesFor('few');
    expect(few).toBeGreaterThan(5);
    expect(await queriesFor('many')).toBe(few);
  });

  it('200: the platform key names the project', async () => {
    await buyer('platform');
    const own = await page('platform');
    expect((await page('platform', adminKey, '?project_id=notes')).body).toEqual(own.body);
    expect((await page('platform', adminKey)).body).toMatchObject({ code: 'project_id_required' });
  });

  it('400: unknown parameters are named', async () => {
    expect((await page('u', shop.key, '?verbose=1')).body).toMatchObject({
      code: 'bad_request',
      errors: [{ path: 'verbose' }],
    });
  });

  it('401 without a key, 403 without the scope', async () => {
    const reader = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'reader', scopes: ['read', 'checkout'] },
    });
    const readerKey = text(reader.body, 'key');
    expect((await shop.service.request('GET', '/admin/users/u')).status).toBe(401);
    expect((await page('u', readerKey)).body).toMatchObject({ code: 'scope_missing' });
    expect((await erase('u', readerKey)).body).toMatchObject({ code: 'scope_missing' });
  });

  it("404: another project's user looks like one that does not exist", async () => {
    await buyer('theirs');
    const [theirs, nobodys] = [await page('theirs', other.key), await page('nobody', other.key)];
    expect(theirs).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    expect((await page('nobody')).status).toBe(404);
  });
});

describe('DELETE /admin/users/{user_id}', () => {
  it('200: no personal data is left, and what the user may use and ever did stays', async () => {
    const { email, customerId } = await buyer('gone');
    const before = await page('gone');
    const entitled = await shop.entitled('gone');
    const answer = await erase('gone');
    expect(answer).toMatchObject({
      status: 200,
      body: { user_id: 'gone', customers: 1, payloads: expect.any(Number) as number },
    });
    const after = await page('gone');
    expect(after.body).toEqual({
      ...Object.fromEntries(entriesAt(before.body)),
      erased_at: at(answer.body, 'erased_at'),
      customers: [{ ...Object.fromEntries(entriesAt(before.body, 'customers', 0)), email: null }],
    });
    expect(await shop.entitled('gone')).toEqual(entitled);
    for (const event of rowsOf(after.body, 'events')) {
      const { body } = await shop.service.request('GET', `/admin/events/${text(event, 'id')}`, {
        key: adminKey,
      });
      expect(at(body, 'payload')).toBeNull();
    }
    // Ignored events, and those whose object was never fetched, contain the customer, too.
    const { rows } = await shop.service.deps.database.pool.query(
      `select event_id from webhook_events
       where position($1 in payload::text) > 0 or position($2 in payload::text) > 0`,
      [email, customerId],
    );
    expect(rows).toEqual([]);
  });

  it('200: the event of a dispute of a subscription payment is erased, too', async () => {
    const { customerId } = await buyer('disputes');
    const { data } = await shop.stripe.charges.list({ customer: customerId });
    const id = await shop.sandbox.billing.openDispute(data[0]?.id ?? '');
    await shop.settle();
    await erase('disputes');
    const { rows } = await shop.service.deps.database.pool.query(
      'select event_id from webhook_events where object_id = $1 and payload is not null',
      [id],
    );
    expect(rows).toEqual([]);
  });

  it('200: the stored news of an object that was not fetched yet is erased too', async () => {
    const { customerId } = await buyer('unfetched');
    const { id } = await shop.stripe.subscriptions.create({
      customer: customerId,
      items: [{ price: shop.prices.pro }],
    });
    await shop.sandbox.deliver();
    const { pool } = shop.service.deps.database;
    const stored = async () => {
      const text = 'select from webhook_events where object_id = $1 and payload is not null';
      return (await pool.query(text, [id])).rows.length;
    };
    expect(await stored()).toBeGreaterThan(0);
    await erase('unfetched');
    expect(await stored()).toBe(0);
  });

  it("200: Stripe's later news of the customer brings no address back", async () => {
    const { email, customerId } = await buyer('told_again');
    await erase('told_again');
    await syncObject(shop.service.deps, { objectType: 'customer', objectId: customerId });
    expect(await page('told_again')).toMatchObject({ body: { customers: [{ email: null }] } });
    await shop.stripe.customers.update(customerId, { metadata: { note: 'x' } });
    await shop.settle();
    expect(JSON.stringify((await page('told_again')).body)).not.toContain(email);
  });

  it('200: others keep theirs', async () => {
    const { email } = await buyer('stays');
    await buyer('leaves');
    const before = await page('stays');
    const [event] = rowsOf(before.body, 'events');
    await erase('leaves');
    expect((await page('stays')).body).toEqual(before.body);
    expect(at(before.body, 'customers', 0, 'email')).toBe(email);
    const { body } = await shop.service.request('GET', `/admin/events/${text(event, 'id')}`, {
      key: shop.key,
    });
    expect(at(body, 'payload', 'id')).toBe(text(event, 'id'));
  });

  it('200: the address stays erased when the customer is unlinked, despite later events', async () => {
    const { prisma } = shop.service.deps.database;
    const { id } = await shop.stripe.customers.create({
      email: 'unlinked@example.com',
      metadata: { project_id: 'notes' },
    });
    const link = await shop.service.request('POST', '/admin/users/unlinked/customers', {
      key: shop.key,
      body: { stripe_customer_id: id },
    });
    expect(link.status).toBe(200);
    await erase('unlinked');
    const unlink = await shop.service.request(
      'DELETE',
      `/admin/users/unlinked/customers/${id}?reason=asked`,
      { key: shop.key },
    );
    expect(unlink.status).toBe(200);
    await shop.stripe.customers.update(id, { email: 'again@example.com' });
    await shop.settle();
    const row = await prisma.customer.findUniqueOrThrow({ where: { id } });
    expect(row).toMatchObject({ uid: null, email: null });
  });

  it('200: one audit row says who erased whom and why, without personal data; none is added by a repetition', async () => {
    const { email } = await buyer('audited');
    let answer: TestResponse | undefined;
    const rows = await auditOf(shop.service, async () => {
      answer = await erase('audited');
      shop.service.clock.advance(1_000);
      expect(await erase('audited')).toMatchObject({
        status: 200,
        body: {
          erased_at: at(answer.body, 'erased_at'),
          customers: 0,
          payloads: 0,
          audit_id: null,
        },
      });
    });
    expect(rows).toEqual([
      {
        action: 'user.erase',
        actor: expect.stringMatching(/^key_/) as string,
        targetId: 'audited',
        userId: 'audited',
        reason: 'asked',
        before: null,
        after: { customers: 1, payloads: at(answer?.body, 'payloads'), usage_entries: 0 },
      },
    ]);
    expect(JSON.stringify(rows)).not.toContain(email);
  });

  it.each([
    ['reason', ''],
    ['reason', '?reason='],
    ['now', '?reason=x&now=1'],
  ])('400 names %s: %s', async (path, query) => {
    const answer = await erase('u', shop.key, query);
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toBe(path);
  });

  it("404: another project's user looks like one that does not exist, and keeps everything", async () => {
    const { email } = await buyer('walled');
    const rows = await auditOf(shop.service, async () => {
      const [theirs, nobodys] = [await erase('walled', other.key), await erase('none', other.key)];
      expect(theirs).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
      expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    });
    expect(rows).toEqual([]);
    expect(at((await page('walled')).body, 'customers', 0, 'email')).toBe(email);
  });
});
