import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { foundRun, reconcile, finishRuns } from '../helpers/reconciliation.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { cancelUntold, entitledUsers, subscribers } from '../helpers/subscribers.ts';

/* Promise 6: what would take access from many waits until a person has looked. */

const pro = { export: true, notebooks: 10 };
// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await shop.close();
});

async function forceRun(id: string): Promise<void> {
  const { status } = await shop.service.request('POST', `/admin/reconciliations/${id}/force`, {
    key: shop.service.adminKey,
  });
  expect(status).toBe(202);
  await finishRuns(shop.service);
}

describe('losses of too many users', () => {
  it('wait for an operator, while the gains are applied; forced, exactly those are, once', async () => {
    const ids = await subscribers(shop, 8);
    await cancelUntold(shop, ids.slice(0, 6));
    shop.sandbox.faults.events = { suppress: ['*'] };
    await shop.buy('ann', 'pro');
    shop.sandbox.faults.events = {};
    const run = await reconcile(shop.service);
    expect(run.status).toBe('held');
    const losses = run.findings.filter((finding) => finding.startsWith('unpaid_but_active'));
    expect(losses).toEqual(Array.from({ length: 6 }, () => 'unpaid_but_active subscription held'));
    expect(await shop.entitled('ann')).toEqual(pro);
    expect(await entitledUsers(shop)).toBe(9);
    expect((await shop.service.deps.metrics.alarms.get()).values).toContainEqual(
      expect.objectContaining({ labels: { kind: 'reconciliation_held' }, value: 1 }),
    );

    // Meanwhile another one ends: it was not among what the operator saw.
    await cancelUntold(shop, ids.slice(6, 7));
    const force = () =>
      shop.service.request('POST', `/admin/reconciliations/${run.id}/force`, {
        key: shop.service.adminKey,
      });
    const answers = await Promise.all([force(), force()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    await finishRuns(shop.service);
    expect(await foundRun(shop.service, run.id)).toMatchObject({ status: 'done' });
    expect(await entitledUsers(shop)).toBe(3);
  });

  it('that are no longer so when they are looked at again are not applied', async () => {
    const ids = await subscribers(shop, 8);
    shop.sandbox.faults.events = { suppress: ['*'] };
    for (const id of ids.slice(0, 6)) await shop.stripe.subscriptions.pause(id);
    const run = await reconcile(shop.service);
    expect(run.status).toBe('held');
    for (const id of ids.slice(0, 5)) await shop.stripe.subscriptions.resume(id);
    await forceRun(run.id);
    const after = await foundRun(shop.service, run.id);
    expect(after.findings).toContain('unpaid_but_active subscription settled');
    expect(await entitledUsers(shop)).toBe(7);
  });

  it('are added up over 24 hours', async () => {
    const ids = await subscribers(shop, 10);
    await cancelUntold(shop, ids.slice(0, 5));
    expect((await reconcile(shop.service)).status).toBe('done');
    await cancelUntold(shop, ids.slice(5, 6));
    expect((await reconcile(shop.service)).status).toBe('held');
    expect(await entitledUsers(shop)).toBe(5);

    await shop.advanceTo(testStart + 25 * 3_600_000);
    const later = await reconcile(shop.service);
    expect(later).toMatchObject({
      status: 'done',
      findings: ['unpaid_but_active subscription fixed'],
    });
    expect(await entitledUsers(shop)).toBe(4);
  });

  it('are not applied by the events that were missed either', async () => {
    const ids = await subscribers(shop, 8);
    shop.sandbox.faults.webhooks = { drop: true };
    for (const id of ids.slice(0, 6)) await shop.sandbox.billing.cancelNow(id);
    await shop.sandbox.deliver();
    const run = await reconcile(shop.service);
    await shop.service.runWorker();
    expect(run.status).toBe('held');
    expect(run.findings).toContain('missed_event event reported');
    expect(await entitledUsers(shop)).toBe(8);
  });

  it('an end just ahead counts as a loss too', async () => {
    const ids = await subscribers(shop, 8);
    shop.sandbox.faults.events = { suppress: ['*'] };
    const cancelAt = Math.floor(shop.service.clock.now() / 1000) + 60;
    for (const id of ids.slice(0, 6)) {
      await shop.stripe.subscriptions.update(id, { cancel_at: cancelAt });
    }
    expect((await reconcile(shop.service)).status).toBe('held');
  });

  it('wait where users of another project gain by the same', async () => {
    const { service } = shop;
    const { key } = await service.createProject('other');
    const product = await shop.stripe.products.create({ name: 'other' });
    const price = await shop.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 1_000,
      recurring: { interval: 'month' },
    });
    await service.request('PUT', '/admin/features/sync', {
      key,
      body: { name: 'Sync', type: 'boolean' },
    });
    const body = { project_id: 'other', features: { sync: true } };
    await service.request('PUT', `/admin/products/${product.id}`, { key: service.adminKey, body });
    // They were there first.
    const createdAt = new Date(service.clock.now());
    await service.deps.database.prisma.user.createMany({
      data: Array.from({ length: 6 }, (_, n) => ({
        projectId: 'other',
        userId: `o${n}`,
        createdAt,
      })),
    });
    const ids = await subscribers(shop, 8);
    shop.sandbox.faults.events = { suppress: ['*'] };
    for (const [n, id] of ids.slice(0, 6).entries()) {
      const { items } = await shop.stripe.subscriptions.retrieve(id);
      await shop.stripe.subscriptions.update(id, {
        items: [{ id: items.data[0]?.id ?? '', price: price.id }],
        metadata: { project_id: 'other', user_id: `o${n}` },
      });
    }
    const run = await reconcile(service);
    expect(run.findings).toEqual(
      Array.from({ length: 6 }, () => 'plan_mismatch subscription held'),
    );
    expect(await entitledUsers(shop)).toBe(8);
  });

  it('wait for an operator also where the run fails after it has held them', async () => {
    const ids = await subscribers(shop, 8);
    await cancelUntold(shop, ids.slice(0, 6));
    const events = vi.spyOn(shop.service.deps.stripe.events, 'list');
    events.mockRejectedValue(new Error('out of order'));
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'held', error: 'internal_error: see the log' });
    events.mockRestore();
    await forceRun(run.id);
    // It has compared no events, so the next run has to begin where this one did.
    expect(await foundRun(shop.service, run.id)).toMatchObject({
      status: 'failed',
      error: run.error,
    });
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('held by several runs are decided once', async () => {
    const ids = await subscribers(shop, 8);
    await cancelUntold(shop, ids.slice(0, 6));
    const first = await reconcile(shop.service);
    const second = await reconcile(shop.service);
    const third = await reconcile(shop.service);
    expect([first, second, third].map(({ status }) => status)).toEqual(['held', 'held', 'held']);
    await forceRun(second.id);
    expect(await entitledUsers(shop)).toBe(2);
    const others = [await foundRun(shop.service, first.id), await foundRun(shop.service, third.id)];
    const settled = Array.from({ length: 6 }, () => 'unpaid_but_active subscription settled');
    expect(others).toMatchObject([
      { status: 'done', findings: settled },
      { status: 'done', findings: settled },
    ]);
  });

  it('wait no more once a run of everything has had nothing to hold', async () => {
    const ids = await subscribers(shop, 8);
    shop.sandbox.faults.events = { suppress: ['*'] };
    for (const id of ids.slice(0, 6)) await shop.stripe.subscriptions.pause(id);
    const run = await reconcile(shop.service);
    expect(run.status).toBe('held');
    for (const id of ids.slice(0, 6)) await shop.stripe.subscriptions.resume(id);
    shop.service.clock.advance(1);
    // One of a user alone tells nothing of the others.
    await reconcile(shop.service, { projectId: 'notes', userId: 'u7' });
    expect((await foundRun(shop.service, run.id)).status).toBe('held');
    expect((await reconcile(shop.service)).status).toBe('done');
    const after = await foundRun(shop.service, run.id);
    expect(after.status).toBe('done');
    expect(after.findings).not.toContain('unpaid_but_active subscription held');
    expect(await entitledUsers(shop)).toBe(8);
  });

  it('still wait where forcing them failed, and can be forced again', async () => {
    const ids = await subscribers(shop, 8);
    await cancelUntold(shop, ids.slice(0, 6));
    const { id } = await reconcile(shop.service);
    const retrieve = vi.spyOn(shop.service.deps.stripe.subscriptions, 'retrieve');
    retrieve.mockRejectedValue(new Error('out of order'));
    await forceRun(id);
    expect(await foundRun(shop.service, id)).toMatchObject({
      status: 'held',
      error: 'internal_error: see the log',
    });
    retrieve.mockRestore();
    await forceRun(id);
    expect(await foundRun(shop.service, id)).toMatchObject({ status: 'done', error: null });
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('are counted the same by an instance that takes over after some were applied', async () => {
    const { deps } = shop.service;
    const config = { ...deps.config, reconcileMaxLossPercent: 60 };
    const service = { ...shop.service, deps: { ...deps, config } };
    const ids = await subscribers(shop, 10);
    await cancelUntold(shop, ids.slice(0, 6));
    // Stripe goes away when three of the losses have been looked at again.
    const { subscriptions } = deps.stripe;
    const retrieve = subscriptions.retrieve.bind(subscriptions);
    let looked = 0;
    const watched = vi.spyOn(subscriptions, 'retrieve').mockImplementation((...asked) => {
      looked += 1;
      if (looked === 4) throw new Error('Connection terminated');
      return retrieve(...asked);
    });
    await expect(reconcile(service)).rejects.toThrow('Connection terminated');
    expect(await entitledUsers(shop)).toBe(7);
    shop.service.clock.advance(60_000);
    await finishRuns(service);
    watched.mockRestore();
    expect(await deps.database.prisma.reconciliationRun.count({ where: { status: 'held' } })).toBe(
      0,
    );
    expect(await entitledUsers(shop)).toBe(4);
  });

  it('that a grant covers are none', async () => {
    const ids = await subscribers(shop, 8);
    for (let n = 0; n < 8; n += 1) {
      for (const [feature, value] of [
        ['export', true],
        ['notebooks', 10],
      ] as const) {
        const { status } = await shop.service.request('POST', '/admin/grant', {
          key: shop.key,
          body: { user_id: `u${n}`, feature_code: feature, value, reason: 'covered' },
        });
        expect(status).toBe(201);
      }
    }
    await cancelUntold(shop, ids.slice(0, 7));
    const run = await reconcile(shop.service);
    expect(run.status).toBe('done');
    expect(run.findings.every((finding) => finding.endsWith('fixed'))).toBe(true);
    expect(await entitledUsers(shop)).toBe(8);
  });

  it('up to five are nobody’s alarm', async () => {
    const ids = await subscribers(shop, 8);
    await cancelUntold(shop, ids.slice(0, 5));
    const few = await reconcile(shop.service);
    expect(few).toMatchObject({ status: 'done', error: null });
    expect(await entitledUsers(shop)).toBe(3);
  });
});
