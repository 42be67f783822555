import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { openStripe } from '../../src/platform/stripe.ts';
import { reconcile } from '../helpers/reconciliation.ts';
import { cancelUntold, entitledUsers, subscribers } from '../helpers/subscribers.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

/*
 * Promise 6: nobody loses access for lack of evidence. Each case ends without one lost right, and the
 * run says what happened.
 */

// Each test compares everything several times.
vi.setConfig({ testTimeout: 60_000 });

let shop: Shop;
beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

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
    await subscribers(shop, 2);
    const run = await reconcile(asking({ secretKey: 'sk_test_another' }));
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^stripe_refused: .*401/);
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('an empty page', async () => {
    await subscribers(shop, 3);
    shop.sandbox.faults.api({ path: '/v1/subscriptions', method: 'GET', emptyPage: true });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete: 3 objects/);
    expect(await entitledUsers(shop)).toBe(3);
  });

  it('empty pages, whatever is listed', async () => {
    await subscribers(shop, 2);
    shop.sandbox.faults.api({ method: 'GET', emptyPage: true });
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete/);
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('a page that is so short that it cannot be right: the run stops at once', async () => {
    await subscribers(shop, 25);
    shop.sandbox.faults.api({ path: '/v1/subscriptions', method: 'GET', emptyPage: true });
    const asked = shop.sandbox.requests.length;
    const run = await reconcile(shop.service);
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^list_incomplete/);
    expect(shop.sandbox.requests.length - asked).toBeLessThan(40);
    expect(await entitledUsers(shop)).toBe(25);
  });

  it('a minute of 429: it is waited out, and the run ends well', async () => {
    const [id = ''] = await subscribers(shop, 2);
    await cancelUntold(shop, [id]);
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
    expect(await entitledUsers(shop)).toBe(1);
  });

  it('a limit that does not end: the run says so', async () => {
    await subscribers(shop, 1);
    shop.sandbox.faults.api({ status: 429 });
    const run = await reconcile(shop.service);
    expect(run.status).toBe('failed');
    expect(run.error).toMatch(/^stripe_unavailable: 429/);
    expect(await entitledUsers(shop)).toBe(1);
  });

  it('a 500 in the middle of the lists', async () => {
    const ids = await subscribers(shop, 3);
    await cancelUntold(shop, ids.slice(0, 1));
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
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('a clock that is an hour off, either way', async () => {
    await subscribers(shop, 2);
    for (const offMs of [3_600_000, -3_600_000]) {
      const { deps, clock } = shop.service;
      const off = { deps: { ...deps, clock: () => clock.now() + offMs }, clock };
      const run = await reconcile(off);
      expect(run).toMatchObject({ status: 'failed', findings: [] });
      expect(run.error).toMatch(/^clock_off: .* 3600 seconds/);
    }
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('another account, which has none of it', async () => {
    await subscribers(shop, 2);
    const other = await startSandbox({
      now: shop.service.clock.now,
      secretKey: 'sk_test_123',
      accountId: 'acct_other',
    });
    const run = await reconcile(asking({ apiBase: other.url }));
    await other.close();
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^account_changed: .*acct_other.*acct_sandbox/);
    expect(await entitledUsers(shop)).toBe(2);
  });

  it('the wrong mode', async () => {
    await subscribers(shop, 2);
    const { deps } = shop.service;
    const config = { ...deps.config, stripe: { ...deps.config.stripe, livemode: true } };
    const run = await reconcile({ ...shop.service, deps: { ...deps, config } });
    expect(run).toMatchObject({ status: 'failed', findings: [] });
    expect(run.error).toMatch(/^wrong_mode/);
    expect(await entitledUsers(shop)).toBe(2);
  });
});
