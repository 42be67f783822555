import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf } from '../helpers/audit.ts';
import { at, entriesAt, text, withoutRequestId } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { finishRuns } from '../helpers/reconciliation.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

const path = '/admin/reconciliations';

let shop: Shop;
let otherKey: string;
beforeAll(async () => {
  shop = await startShop();
  otherKey = (await shop.service.createProject('other')).key;
  await shop.buy('ann', 'pro');
});
afterAll(() => shop.close());

const post = (body: object | undefined, key = shop.service.adminKey) =>
  shop.service.request('POST', path, { key, ...(body === undefined ? {} : { body }) });
const get = (rest: string, key = shop.service.adminKey) =>
  shop.service.request('GET', `${path}${rest}`, { key });

describe('POST /admin/reconciliations', () => {
  it('202: starts one of everything, and its progress and findings are told', async () => {
    shop.sandbox.faults.webhooks = { drop: true };
    await shop.sandbox.deliver();
    const started = await post(undefined);
    expect(started).toMatchObject({ status: 202, body: { status: 'running' } });
    const id = text(started.body, 'id');
    expect((await get(`/${id}`)).body).toMatchObject({
      id,
      project_id: null,
      status: 'running',
      finished_at: null,
      progress: { phase: 'catalog', phases_done: 0, pages: 0, objects: 0, seconds_left: null },
    });
    await finishRuns(shop.service);
    const done = await get(`/${id}`);
    expect(done.body).toMatchObject({ status: 'done', error: null, account_id: 'acct_sandbox' });
    expect(at(done.body, 'progress', 'pages')).toBeGreaterThan(5);
    expect(at(done.body, 'findings', 'paid_but_blocked')).toBeGreaterThan(0);

    const page = await get(`/${id}/findings?limit=1&type=paid_but_blocked`);
    expect(page.body).toMatchObject({
      data: [
        {
          type: 'paid_but_blocked',
          project_id: 'notes',
          effect: {
            users: [{ user_id: 'ann', gains: ['export', 'notebooks'], losses: [], lowered: [] }],
          },
          action: 'fixed',
        },
      ],
    });
    const all = await get(`/${id}/findings?limit=100`);
    expect(at(all.body, 'data')).toHaveLength(
      entriesAt(done.body, 'actions').reduce((sum, [, count]) => sum + Number(count), 0),
    );
    const subscription = rowsOf(all.body, 'data').find(
      (row) => at(row, 'object', 'type') === 'subscription',
    );
    const fields = entriesAt(subscription, 'stripe').map(([name]) => name);
    expect(fields).toContain('customer_id');
    expect(fields).toContainEqual(expect.stringMatching(/^items\.si_\w+\.current_period_end$/));
  });

  it("202: a project's key starts its own, of a user too", async () => {
    const whole = await post({}, shop.key);
    const user = await post({ user_id: 'ann', dry_run: true }, shop.key);
    expect([whole.status, user.status]).toEqual([202, 202]);
    expect((await get(`/${text(user.body, 'id')}`, shop.key)).body).toMatchObject({
      project_id: 'notes',
      user_id: 'ann',
      dry_run: true,
    });
    await finishRuns(shop.service);
    expect((await get(`/${text(whole.body, 'id')}`, shop.key)).body).toMatchObject({
      status: 'done',
    });
  });

  it('writes down who asked for it', async () => {
    const id = text((await post({ project_id: 'notes' })).body, 'id');
    const audit = await shop.service.request('GET', '/admin/audit?action=reconciliation.start', {
      key: shop.service.adminKey,
    });
    expect(at(audit.body, 'data')).toContainEqual(
      expect.objectContaining({ action: 'reconciliation.start', actor: 'platform' }),
    );
    expect(JSON.stringify(audit.body)).toContain(id);
    await finishRuns(shop.service);
  });

  it('400: a user without a project, by the platform key', async () => {
    expect(await post({ user_id: 'ann' })).toMatchObject({
      status: 400,
      body: { code: 'project_id_required' },
    });
  });

  it('404: a user whom nobody knows, and the project of another key', async () => {
    expect(await post({ user_id: 'nobody' }, shop.key)).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    });
    expect(await post({ project_id: 'notes' }, otherKey)).toMatchObject({
      status: 404,
      body: { code: 'project_not_found' },
    });
  });
});

describe('GET /admin/reconciliations', () => {
  it("200: the last first, page by page; a project's key sees its own alone", async () => {
    const first = await get('?limit=1');
    expect(at(first.body, 'data')).toHaveLength(1);
    const second = await get(`?limit=100&cursor=${text(first.body, 'next_cursor')}`);
    expect(JSON.stringify(second.body)).not.toContain(text(first.body, 'data', 0, 'id'));
    const own = entriesAt((await get('', shop.key)).body, 'data').map(([, run]) => run);
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter((run) => at(run, 'project_id') !== 'notes')).toEqual([]);
    expect((await get('', otherKey)).body).toEqual({ data: [], next_cursor: null });
  });

  it('400: a cursor of another list', async () => {
    expect(await get('?cursor=MTIz')).toMatchObject({ status: 400 });
  });

  it('404: a run that is not the project’s, exactly as one that does not exist', async () => {
    const id = text((await post({ project_id: 'notes' })).body, 'id');
    await finishRuns(shop.service);
    for (const rest of ['', '/findings']) {
      const hidden = await get(`/${id}${rest}`, otherKey);
      const absent = await get(`/rc_none${rest}`, otherKey);
      expect(hidden).toMatchObject({ status: 404, body: { code: 'reconciliation_not_found' } });
      expect(withoutRequestId(hidden.body)).toEqual(withoutRequestId(absent.body));
    }
  });
});

describe('POST /admin/reconciliations/{id}/force', () => {
  it('202: the audit keeps the reason', async () => {
    const id = text((await post({ project_id: 'notes' })).body, 'id');
    await finishRuns(shop.service);
    await shop.service.deps.database.prisma.reconciliationRun.update({
      where: { id },
      data: { status: 'held' },
    });
    const rows = await auditOf(shop.service, async () => {
      const answer = await shop.service.request('POST', `${path}/${id}/force`, {
        key: shop.key,
        body: { reason: 'they did cancel' },
      });
      expect(answer.status).toBe(202);
    });
    expect(rows).toMatchObject([
      { action: 'reconciliation.force', targetId: id, reason: 'they did cancel' },
    ]);
    await finishRuns(shop.service);
  });

  it('409: nothing is held', async () => {
    const id = text((await post({ project_id: 'notes' })).body, 'id');
    await finishRuns(shop.service);
    const answer = await shop.service.request('POST', `${path}/${id}/force`, { key: shop.key });
    expect(answer).toMatchObject({ status: 409, body: { code: 'reconciliation_not_held' } });
  });

  it('404: another project’s', async () => {
    const id = text((await post({ project_id: 'notes' })).body, 'id');
    const answer = await shop.service.request('POST', `${path}/${id}/force`, { key: otherKey });
    expect(answer).toMatchObject({ status: 404, body: { code: 'reconciliation_not_found' } });
    await finishRuns(shop.service);
  });
});

describe("a project's setting", () => {
  it('says per type what is only reported', async () => {
    const patch = (reconcile: object) =>
      shop.service.request('PATCH', '/admin/projects/notes', {
        key: shop.key,
        body: { settings: { reconcile } },
      });
    const set = await patch({ plan_mismatch: 'report', missed_event: 'fix' });
    expect(at(set.body, 'settings', 'reconcile')).toEqual({ plan_mismatch: 'report' });
    expect(await patch({ nothing_known: 'report' })).toMatchObject({ status: 400 });
    expect(at((await patch({})).body, 'settings', 'reconcile')).toEqual({});
  });
});
