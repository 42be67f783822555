import { z } from 'zod';
import { products } from './demo-catalog.ts';
import { appOrigin, linkShape, pay, pressOn, startCheckout } from './walk-pages.ts';
import type { Step } from './walker.ts';

const user = 'u_42';
const expired = { allowed: false, reason: 'expired' };

/** Returns the steps of a subscription, from no access to access and back. */
export function subscriptionSteps(): Step[] {
  let checkoutUrl = '';
  let portalUrl = '';
  let periodEnd = '';
  return [
    {
      title: `May ${user} use anything? There is no purchase yet`,
      async run(walker) {
        const { body } = await walker.entitlements(user);
        walker.expectEqual('an unknown user has no entitlements, and this is not an error', body, {
          revision: 0,
          entitlements: [],
        });
        await walker.expectCheck('export is denied, with the reason', user, 'export', {
          allowed: false,
          reason: 'no_source',
        });
      },
    },
    {
      title: 'The app starts a checkout for the Pro plan',
      async run(walker) {
        checkoutUrl = await startCheckout(walker, user, walker.prices.pro);
      },
    },
    {
      title: 'The buyer pays on the hosted page, and Stripe sends the webhook',
      run: (walker) => pay(walker, checkoutUrl, user),
    },
    {
      title: `May ${user} use anything now?`,
      async run(walker) {
        const { body, answer } = await walker.entitlements(user);
        walker.expectEqual(
          'every feature of the Pro plan, open-ended, from the subscription',
          body.entitlements.map(({ feature_code, value, valid_to, sources }) => ({
            feature_code,
            value,
            valid_to,
            sources: sources.map(({ type }) => type),
          })),
          Object.entries(products.pro.features).map(([feature_code, value]) => ({
            feature_code,
            value,
            valid_to: null,
            sources: ['subscription'],
          })),
        );
        const again = await walker.entitlements(user, true);
        walker.expectEqual(
          walker.options.cached
            ? 'the first read fills the cache, and Redis serves the second'
            : 'without Redis, both reads come straight from Postgres',
          [answer, again.answer].map(({ headers }) => headers.get('latchkey-cache')),
          walker.options.cached ? ['miss', 'hit'] : ['bypass', 'bypass'],
        );
        walker.expectEqual('both responses are the same', again.body, body);
      },
    },
    {
      title: 'One feature, one answer: check',
      run: (walker) =>
        walker.expectCheck('100 notebooks are granted', user, 'notebooks', {
          allowed: true,
          reason: 'granted',
          value: 100,
          valid_to: null,
        }),
    },
    {
      title: 'The app opens the billing portal',
      async run(walker) {
        const body = { user_id: user, return_url: `${appOrigin}/account` };
        const call = { method: 'POST', path: '/api/v1/portal/sessions', body } as const;
        portalUrl = (await walker.ask(call, { status: 201, shape: linkShape })).body.url;
      },
    },
    {
      title: 'The buyer cancels at the end of the period',
      async run(walker) {
        await pressOn(walker, portalUrl, 'Cancel at period end');
        await walker.waitForWebhook(user, 'export', ({ valid_to }) => valid_to !== null);
        const { valid_to } = await walker.check(user, 'export');
        periodEnd = z.iso.datetime().parse(valid_to);
        walker.expectEqual('export continues, and now has an end', Date.parse(periodEnd) > 0, true);
      },
    },
    {
      title: 'One millisecond before the end, and at the end',
      only: 'movable clock',
      async run(walker) {
        const end = Date.parse(periodEnd);
        const justBefore = new Date(end - 1).toISOString();
        walker.moveTo(end - 1);
        await walker.expectCheck(`at ${justBefore}, export is still allowed`, user, 'export', {
          allowed: true,
        });
        walker.moveTo(end);
        await walker.expectCheck(`at ${periodEnd}, export has expired`, user, 'export', expired);
        const { body } = await walker.entitlements(user);
        walker.expectEqual(
          'no entitlements are left, not even in the cache',
          body.entitlements,
          [],
        );
      },
    },
    {
      title: 'The buyer changes their mind, and cancels immediately',
      only: 'real clock',
      async run(walker) {
        await pressOn(walker, portalUrl, 'Cancel now');
        await walker.waitForWebhook(user, 'export', ({ allowed }) => !allowed);
        await walker.expectCheck('export is off again', user, 'export', expired);
      },
    },
  ];
}
