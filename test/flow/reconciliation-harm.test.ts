import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { openStripe } from '../../src/platform/stripe.ts';
import { foundRun, reconcile, workOffRuns } from '../helpers/reconciliation.ts';
import { testStart } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Promise 6: nobody loses access for lack of evidence. Each case ends without one lost right, and the
 * run says what happened.
 */

const pro = { export: true, notebooks: 10 };
// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

/** Subscribers whom both sides know, made at Stripe at once. Their subscriptions' ids, by user. */
async function subscribers(count: number): Promise<string[]> {
  const ids = await shop.sandbox.seed({
    count,
    prices: [shop.prices.pro],
    metadata: { project_id: 'notes', user_id: 'u{n}' },
  });
  const run = await reconcile(shop.service);
  expect(run.status).toBe('done');
  expect(await entitledUsers()).toBe(count);
  return ids;
}

/** Cancels at Stripe, and no word of it comes. */
async function cancelUntold(ids: readonly string[]): Promise<void> {
  shop.sandbox.faults.events = { suppress: ['*'] };
  for (const id of ids) await shop.sandbox.billing.cancelNow(id);
  shop.sandbox.faults.events = {};
}

async function entitledUsers(): Promise<number> {
  const { rows } = await shop.service.deps.database.pool.query<{ count: string }>(
    'select count(distinct uid) from entitlement_segments where superseded_at is null and allowed and (valid_to is null or valid_to > $1)',
    [new Date(shop.service.clock.now())],
  );
  return Number(rows[0]?.count);
}

async function forceRun(id: string): Promise<void> {
  const { status } = await shop.service.request('POST', `/admin/reconciliations/${id}/force`, {
    key: shop.service.adminKey,
  });
  expect(status).toBe(202);
  await workOffRuns(shop.service);
}

/** The service with another Stripe. */
function asking(options: { secretKey?: string; apiBase?: string }): Shop['service'] {
  const stripe = openStripe({
    secretKey: options.secretKey ?? 'sk_test_123',
    apiBase: options.apiBase ?? shop.sandbox.url,
  });
  return { ...shop.service, deps: { ...shop.service.deps, stripe } };
}

describe('no right is lost to', () => {
  it('a key that Stripe refuses', async () => {
    await subscribers(2);
    const run = await reconcile(asking({ secretKey: 'sk_test_another' }));
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^stripe_refused: .*401/);
    expect(await entitledUsers()).toBe(2);
  });

  it('an empty page', async () => {
    await subscribers(3);
    shop.sandbox.faults.api({ path: '/v1/subscriptions', method: 'GET', emptyPage: true });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete: .* 3 objects/);
    expect(await entitledUsers()).toBe(3);
  });

  it('empty pages, whatever is listed', async () => {
    await subscribers(2);
    shop.sandbox.faults.api({ method: 'GET', emptyPage: true });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete/);
    expect(await entitledUsers()).toBe(2);
  });

  it('a page that is so short that it cannot be right: the run stops at once', async () => {
    await subscribers(25);
    shop.sandbox.faults.api({ path: '/v1/subscriptions', method: 'GET', emptyPage: true });
    const asked = shop.sandbox.requests.length;
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete/);
    expect(shop.sandbox.requests.length - asked).toBeLessThan(40);
    expect(await entitledUsers()).toBe(25);
  });

  it('a minute of 429: it is waited out, and the run ends well', async () => {
    const [id = ''] = await subscribers(2);
    await cancelUntold([id]);
    shop.sandbox.faults.api({ status: 429 });
    let waitedMs = 0;
    const run = await reconcile(shop.service, {
      onPause: (ms) => {
        waitedMs += ms;
        if (waitedMs >= 60_000) shop.sandbox.faults.clear();
      },
    });
    expect(waitedMs).toBeGreaterThanOrEqual(60_000);
    expect(run).toMatchObject({
      status: 'done',
      findings: ['unpaid_but_active subscription fixed'],
    });
    expect(await entitledUsers()).toBe(1);
  });

  it('a limit that does not end: the run says so', async () => {
    await subscribers(1);
    shop.sandbox.faults.api({ status: 429 });
    const run = await reconcile(shop.service);
    expect(run.status).toBe('failed');
    expect(run.error).toMatch(/^stripe_unavailable: 429/);
    expect(await entitledUsers()).toBe(1);
  });

  it('a 500 in the middle of the lists', async () => {
    const ids = await subscribers(3);
    await cancelUntold(ids.slice(0, 1));
    shop.sandbox.faults.api({ path: '/v1/subscriptions', status: 500, times: 5 });
    let pauses = 0;
    const run = await reconcile(shop.service, {
      onPause: () => {
        pauses += 1;
      },
    });
    expect(pauses).toBeGreaterThan(1);
    expect(run).toMatchObject({
      status: 'done',
      findings: ['unpaid_but_active subscription fixed'],
    });
    expect(await entitledUsers()).toBe(2);
  });

  it('a clock that is an hour off, either way', async () => {
    await subscribers(2);
    for (const offMs of [3_600_000, -3_600_000]) {
      const { deps, clock } = shop.service;
      const off = { deps: { ...deps, clock: () => clock.now() + offMs }, clock };
      const run = await reconcile(off);
      expect(run).toMatchObject({ status: 'failed', findings: [] });
      expect(run.error).toMatch(/^clock_off: .* 3600 seconds/);
    }
    expect(await entitledUsers()).toBe(2);
  });

  it('another account, which has none of it', async () => {
    await subscribers(2);
    const other = await startSandbox({
      now: shop.service.clock.now,
      secretKey: 'sk_test_123',
      accountId: 'acct_other',
    });
    const run = await reconcile(asking({ apiBase: other.url }));
    await other.close();
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^account_changed: .*acct_other.*acct_sandbox/);
    expect(await entitledUsers()).toBe(2);
  });

  it('the wrong mode', async () => {
    await subscribers(2);
    const { deps } = shop.service;
    const config = { ...deps.config, stripe: { ...deps.config.stripe, livemode: true } };
    const run = await reconcile({ ...shop.service, deps: { ...deps, config } });
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^wrong_mode/);
    expect(await entitledUsers()).toBe(2);
  });
});

describe('losses of too many users', () => {
  it('wait for an operator, while the gains are applied; forced, exactly those are', async () => {
    const ids = await subscribers(8);
    await cancelUntold(ids.slice(0, 6));
    shop.sandbox.faults.events = { suppress: ['*'] };
    await shop.buy('ann', 'pro');
    shop.sandbox.faults.events = {};
    const run = await reconcile(shop.service);
    expect(run.status).toBe('held');
    const losses = run.findings.filter((finding) => finding.startsWith('unpaid_but_active'));
    expect(losses).toEqual(Array.from({ length: 6 }, () => 'unpaid_but_active subscription held'));
    expect(await shop.entitled('ann')).toEqual(pro);
    expect(await entitledUsers()).toBe(9);
    expect((await shop.service.deps.metrics.alarms.get()).values).toContainEqual(
      expect.objectContaining({ labels: { kind: 'reconciliation_held' }, value: 1 }),
    );

    // Meanwhile another one ends: it was not among what the operator saw.
    await cancelUntold(ids.slice(6, 7));
    await forceRun(run.id);
    expect(await foundRun(shop.service, run.id)).toMatchObject({ status: 'done' });
    expect(await entitledUsers()).toBe(3);
  });

  it('that are no longer so when they are looked at again are not applied', async () => {
    const ids = await subscribers(8);
    shop.sandbox.faults.events = { suppress: ['*'] };
    for (const id of ids.slice(0, 6)) await shop.stripe.subscriptions.pause(id);
    const run = await reconcile(shop.service);
    expect(run.status).toBe('held');
    for (const id of ids.slice(0, 5)) await shop.stripe.subscriptions.resume(id);
    await forceRun(run.id);
    const after = await foundRun(shop.service, run.id);
    expect(after.findings).toContain('unpaid_but_active subscription settled');
    expect(await entitledUsers()).toBe(7);
  });

  it('are added up over 24 hours', async () => {
    const ids = await subscribers(10);
    await cancelUntold(ids.slice(0, 5));
    expect((await reconcile(shop.service)).status).toBe('done');
    await cancelUntold(ids.slice(5, 6));
    expect((await reconcile(shop.service)).status).toBe('held');
    expect(await entitledUsers()).toBe(5);

    await shop.advanceTo(testStart + 25 * 3_600_000);
    const later = await reconcile(shop.service);
    expect(later).toMatchObject({
      status: 'done',
      findings: ['unpaid_but_active subscription fixed'],
    });
    expect(await entitledUsers()).toBe(4);
  });

  it('are not applied by the events that were missed either', async () => {
    const ids = await subscribers(8);
    shop.sandbox.faults.webhooks = { drop: true };
    for (const id of ids.slice(0, 6)) await shop.sandbox.billing.cancelNow(id);
    await shop.sandbox.deliver();
    const run = await reconcile(shop.service);
    await shop.service.runWorker();
    expect(run.status).toBe('held');
    expect(run.findings).toContain('missed_event event reported');
    expect(await entitledUsers()).toBe(8);
  });

  it('an end just ahead counts as a loss too', async () => {
    const ids = await subscribers(8);
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
    const ids = await subscribers(8);
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
    expect(await entitledUsers()).toBe(8);
  });

  it('wait for an operator also where the run fails after it has held them', async () => {
    const ids = await subscribers(8);
    await cancelUntold(ids.slice(0, 6));
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
    expect(await entitledUsers()).toBe(2);
  });

  it('held by several runs are decided once', async () => {
    const ids = await subscribers(8);
    await cancelUntold(ids.slice(0, 6));
    const first = await reconcile(shop.service);
    const second = await reconcile(shop.service);
    const third = await reconcile(shop.service);
    expect([first, second, third].map(({ status }) => status)).toEqual(['held', 'held', 'held']);
    await forceRun(second.id);
    expect(await entitledUsers()).toBe(2);
    const others = [await foundRun(shop.service, first.id), await foundRun(shop.service, third.id)];
    const settled = Array.from({ length: 6 }, () => 'unpaid_but_active subscription settled');
    expect(others).toMatchObject([
      { status: 'done', findings: settled },
      { status: 'done', findings: settled },
    ]);
  });

  it('wait no more once a run of everything has had nothing to hold', async () => {
    const ids = await subscribers(8);
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
    expect(await entitledUsers()).toBe(8);
  });

  it('still wait where forcing them failed, and can be forced again', async () => {
    const ids = await subscribers(8);
    await cancelUntold(ids.slice(0, 6));
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
    expect(await entitledUsers()).toBe(2);
  });

  it('are counted the same by an instance that takes over after some were applied', async () => {
    const { deps } = shop.service;
    const config = { ...deps.config, reconcileMaxLossPercent: 60 };
    const service = { ...shop.service, deps: { ...deps, config } };
    const ids = await subscribers(10);
    await cancelUntold(ids.slice(0, 6));
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
    expect(await entitledUsers()).toBe(7);
    shop.service.clock.advance(60_000);
    await workOffRuns(service);
    watched.mockRestore();
    expect(await deps.database.prisma.reconciliationRun.count({ where: { status: 'held' } })).toBe(
      0,
    );
    expect(await entitledUsers()).toBe(4);
  });

  it('that a grant covers are none', async () => {
    const ids = await subscribers(8);
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
    await cancelUntold(ids.slice(0, 7));
    const run = await reconcile(shop.service);
    expect(run.status).toBe('done');
    expect(run.findings.every((finding) => finding.endsWith('fixed'))).toBe(true);
    expect(await entitledUsers()).toBe(8);
  });

  it('up to five are nobody’s alarm', async () => {
    const ids = await subscribers(8);
    await cancelUntold(ids.slice(0, 5));
    const few = await reconcile(shop.service);
    expect(few).toMatchObject({ status: 'done', error: null });
    expect(await entitledUsers()).toBe(3);
  });
});
