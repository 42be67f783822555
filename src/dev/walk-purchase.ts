import { pay, startCheckout } from './walk-pages.ts';
import type { Step } from './walker.ts';

const user = 'u_43';
const dayMs = 86_400_000;

/** Returns the steps of a one-time purchase that grants 30 days of access. */
export function purchaseSteps(): Step[] {
  return [
    {
      title: `${user} buys the export pass: paid once, for 30 days`,
      async run(walker) {
        const pageUrl = await startCheckout(walker, user, walker.prices.exportPass);
        await pay(walker, pageUrl, user);
        const { body } = await walker.entitlements(user);
        walker.expectEqual(
          'export is on for exactly 30 days, from the purchase',
          body.entitlements.map(({ feature_code, value, valid_from, valid_to, sources }) => ({
            feature_code,
            value,
            days: (Date.parse(valid_to ?? '') - Date.parse(valid_from ?? '')) / dayMs,
            sources: sources.map(({ type }) => type),
          })),
          [{ feature_code: 'export', value: true, days: 30, sources: ['purchase'] }],
        );
      },
    },
  ];
}
