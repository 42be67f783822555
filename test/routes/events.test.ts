import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { maxAttempts } from '../../src/webhook/sync-queue.ts';
import { auditOf, sameProblem } from '../helpers/audit.ts';
import { at, text } from '../helpers/json.ts';
import { allPages, rowsOf } from '../helpers/lists.ts';
import { adminKey, type TestResponse } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;
let other: { projectId: string; key: string };
/** The subscription of a user of `notes`. */
let subscriptionId: string;

const day = 86_400_000;

beforeAll(async () => {
  shop = await startShop();
  other = await shop.service.createProject('other');
  await shop.buy('ann', 'pro');
  await shop.settle();
  ({ id: subscriptionId } = await shop.subscriptionOf('ann'));
});
afterAll(() => shop.close());

const get = (path: string, key = adminKey): Promise<TestResponse> =>
  shop.service.request('GET', `/admin/events${path}`, { key });

const replay = (id: string, body?: object, key = adminKey): Promise<TestResponse> =>
  shop.service.request('POST', `/admin/events/${id}/replay`, {
    key,
    ...(body === undefined ? {} : { body }),
  });

async function listed(query: string, key = adminKey): Promise<unknown[]> {
  const { status, body } = await get(`?limit=100&${query}`, key);
  expect(status).toBe(200);
  return rowsOf(body);
}

const idsOf = (events: unknown[]): string[] => events.map((event) => text(event, 'id'));

/** Changes ann's subscription, and delivers the news; returns the event's id. */
async function news(): Promise<string> {
  const note = String(shop.sandbox.deliveries().length);
  await shop.stripe.subscriptions.update(subscriptionId, { metadata: { note } });
  await shop.sandbox.deliver();
  const [event] = await listed('status=pending');
  return text(event, 'id');
}

/** News of ann's subscription whose object cannot be fetched at its last try. */
async function failedNews(): Promise<string> {
  const id = await news();
  const { subscriptions } = shop.service.deps.stripeInBackground;
  const refusal = { type: 'api_error', message: 'no', statusCode: 400 } as const;
  const retrieve = vi
    .spyOn(subscriptions, 'retrieve')
    .mockRejectedValue(new Stripe.errors.StripeInvalidRequestError(refusal));
  await shop.service.deps.database.prisma.followedObject.updateMany({
    where: { objectId: subscriptionId },
    data: { attempts: maxAttempts - 1 },
  });
  await shop.service.runWorker();
  retrieve.mockRestore();
  return id;
}

describe('GET /admin/events', () => {
  it('200: an event is pending until its object was fetched under a higher number', async () => {
    const id = await news();
    expect(idsOf(await listed('status=pending'))).toEqual([id]);
    await shop.service.runWorker();
    expect(await listed('status=pending')).toEqual([]);
    expect(idsOf(await listed('status=processed'))).toContain(id);
  });

  it('200: an event whose object is out of tries is failed, until newer news is fetched', async () => {
    const id = await failedNews();
    const [event, ...more] = await listed('status=failed');
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      id,
      type: 'customer.subscription.updated',
      status: 'failed',
      object: { type: 'subscription', id: subscriptionId },
      attempts: maxAttempts,
      // A project's key may read it, so it contains neither Stripe's message nor our stack.
      last_error: 'Stripe: 400',
      failed_at: expect.any(String) as string,
    });
    expect(await listed('status=pending')).toEqual([]);
    await news();
    await shop.service.runWorker();
    expect(await listed('status=failed')).toEqual([]);
    expect(idsOf(await listed('status=processed'))).toContain(id);
  });

  it('200: an event that asks for nothing is ignored, and says why', async () => {
    await shop.stripe.coupons.create({ percent_off: 10, duration: 'once' });
    await shop.sandbox.deliver();
    const ignored = await listed('status=ignored');
    expect(ignored[0]).toMatchObject({ status: 'ignored', outcome: 'unknown_type', object: null });
    expect(ignored.every((event) => at(event, 'outcome') !== 'accepted')).toBe(true);
    // No object is kept of it by which it could be a project's.
    expect(await listed('status=ignored', shop.key)).toEqual([]);
    expect(await listed('status=ignored&project_id=notes')).toEqual([]);
  });

  it('200: every event has one status, and pages hold each once, the last received first', async () => {
    await news();
    const all = await allPages(shop.service, '/admin/events', adminKey, 3);
    const stored = await shop.service.deps.database.prisma.webhookEvent.findMany({
      orderBy: { number: 'desc' },
    });
    expect(idsOf(all)).toEqual(stored.map(({ eventId }) => eventId));
    for (const status of ['pending', 'processed', 'failed', 'ignored']) {
      const expected = all.filter((event) => at(event, 'status') === status);
      expect(idsOf(await listed(`status=${status}`))).toEqual(idsOf(expected));
    }
    await shop.service.runWorker();
  });

  it("200: a project's key sees what is about its users and its catalog, and nothing else", async () => {
    expect(await listed('', other.key)).toEqual([]);
    const own = await listed('', shop.key);
    expect(new Set(own.map((event) => text(event, 'object', 'type')))).toEqual(
      new Set(['product', 'price', 'customer', 'checkout.session', 'subscription']),
    );
    expect(await allPages(shop.service, '/admin/events', shop.key, 3)).toEqual(own);
    expect(await listed('project_id=notes')).toEqual(own);
    expect(await listed('project_id=other')).toEqual([]);
  });

  it.each(['status=done', 'cursor=bm90LWEtbnVtYmVy', 'type=x', 'limit=0'])(
    '400 names the parameter: ?%s',
    async (query) => {
      const answer = await get(`?${query}`);
      expect(answer.status).toBe(400);
      expect(at(answer.body, 'errors', 0, 'path')).toBe(query.split('=')[0]);
    },
  );

  it('401 without a key, 403 without the scope', async () => {
    const reader = await shop.service.request('POST', '/admin/projects/notes/keys', {
      key: adminKey,
      body: { name: 'reader', scopes: ['read', 'checkout'] },
    });
    expect((await shop.service.request('GET', '/admin/events')).status).toBe(401);
    expect(await get('', text(reader.body, 'key'))).toMatchObject({
      status: 403,
      body: { code: 'scope_missing' },
    });
  });

  it("404: another project's events look like those of no project", async () => {
    const [theirs, nobodys] = [
      await get('?project_id=notes', other.key),
      await get('?project_id=nothing', other.key),
    ];
    expect(theirs).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
  });
});

describe('GET /admin/events/{id}', () => {
  it('200: the event as it came, for the platform and the project whose user it is about', async () => {
    const id = await news();
    const answer = await get(`/${id}`);
    expect(answer).toMatchObject({
      status: 200,
      body: { id, payload: { id, data: { object: { id: subscriptionId } } } },
    });
    expect((await get(`/${id}`, shop.key)).body).toEqual(answer.body);
    await shop.service.runWorker();
  });

  it('200: a payload that is kept no longer is null', async () => {
    const id = await news();
    await shop.service.runWorker();
    const { deps, clock } = shop.service;
    await keepHouse({
      ...deps,
      clock: () => clock.now() + 31 * day,
      eventRetentionDays: 30,
      changeRetentionDays: 7,
    });
    expect(await get(`/${id}`)).toMatchObject({ status: 200, body: { id, payload: null } });
  });

  it("404: another project's event looks like one that does not exist", async () => {
    const id = await news();
    const theirs = await get(`/${id}`, other.key);
    const nobodys = await get('/evt_nothing', other.key);
    expect(theirs).toMatchObject({ status: 404, body: { code: 'event_not_found' } });
    expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    expect((await get(`/${id}?project_id=other`)).status).toBe(404);
    await shop.service.runWorker();
  });
});

describe('POST /admin/events/{id}/replay', () => {
  it('202: a failed event is tried again at once, and ends processed', async () => {
    const id = await failedNews();
    const wake = vi.spyOn(shop.service.deps, 'wake');
    const answer = await replay(id);
    expect(answer).toMatchObject({
      status: 202,
      body: { event: { id, status: 'pending', attempts: 0, failed_at: null } },
    });
    expect(
      await shop.service.deps.database.prisma.followedObject.findFirstOrThrow({
        where: { objectId: subscriptionId },
      }),
    ).toMatchObject({ urgency: 0, nextAttemptAt: null });
    wake.mockRestore();
    await shop.service.runWorker();
    expect(await get(`/${id}`)).toMatchObject({ body: { status: 'processed' } });
  });

  it('202: a processed event is fetched again, and mends what the mirror has wrong', async () => {
    const id = await news();
    await shop.service.runWorker();
    const { subscription } = shop.service.deps.database.prisma;
    await subscription.update({ where: { id: subscriptionId }, data: { currency: 'xxx' } });
    expect((await replay(id, {}, shop.key)).status).toBe(202);
    await shop.service.runWorker();
    expect(await subscription.findUnique({ where: { id: subscriptionId } })).toMatchObject({
      currency: 'usd',
    });
  });

  it('202: an event about an invoice has its subscription and the invoice fetched again', async () => {
    await shop.buy('ivo', 'pro');
    await shop.settle();
    const { id } = await shop.subscriptionOf('ivo');
    const paid = (await listed('status=processed')).find(
      (event) => at(event, 'type') === 'invoice.paid' && at(event, 'object', 'id') === id,
    );
    await replay(text(paid, 'id'));
    const wanted = await shop.service.deps.database.prisma.$queryRaw`
      select object_type from followed_objects where wanted > fetched order by 1`;
    expect(wanted).toEqual([{ object_type: 'invoice' }, { object_type: 'subscription' }]);
    await shop.service.runWorker();
  });

  it('202: one audit row says who replayed what and why', async () => {
    const id = await news();
    const rows = await auditOf(shop.service, () => replay(id, { reason: 'Stripe was down' }));
    expect(rows).toEqual([
      {
        action: 'event.replay',
        actor: 'platform',
        targetId: id,
        userId: null,
        reason: 'Stripe was down',
        before: { status: 'pending' },
        after: { object: { type: 'subscription', id: subscriptionId } },
      },
    ]);
    await shop.service.runWorker();
  });

  it("202: the platform's replay is in the audit of the project of the event's user", async () => {
    const id = await news();
    await replay(id);
    const { body } = await shop.service.request('GET', '/admin/audit?action=event.replay&limit=1', {
      key: shop.key,
    });
    expect(at(body, 'data', 0)).toMatchObject({ actor: 'platform', target: { id } });
    await shop.service.runWorker();
  });

  it('400: unknown fields are named', async () => {
    const answer = await replay('evt_x', { force: true });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'force' }] } });
  });

  it('404: an event of another project, or of none, changes nothing', async () => {
    const id = await news();
    await shop.service.runWorker();
    const rows = await auditOf(shop.service, async () => {
      const theirs = await replay(id, {}, other.key);
      const nobodys = await replay('evt_nothing', {}, other.key);
      expect(theirs).toMatchObject({ status: 404, body: { code: 'event_not_found' } });
      expect(sameProblem(theirs.body)).toEqual(sameProblem(nobodys.body));
    });
    expect(rows).toEqual([]);
    expect(await listed('status=pending')).toEqual([]);
  });

  it('409: an ignored event has nothing to replay', async () => {
    const [ignored] = await listed('status=ignored');
    const answer = await replay(text(ignored, 'id'));
    expect(answer).toMatchObject({ status: 409, body: { code: 'event_ignored' } });
  });
});

describe('GET /admin/events of a quiet project', () => {
  it('200: its events are found however many of others came after them', async () => {
    const own = await listed('', shop.key);
    await shop.service.deps.database.pool.query(
      `insert into webhook_events (livemode, event_id, type, outcome, created_at, received_at)
       select false, 'evt_crowd_' || i, 'balance.available', 'unknown_type', now(), now()
       from generate_series(1, 2500) i`,
    );
    expect(own.length).toBeGreaterThan(5);
    expect(await listed('', shop.key)).toEqual(own);
    expect(await allPages(shop.service, '/admin/events', shop.key, 4)).toEqual(own);
  });
});
