import { expect, vi } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import type { Shop } from '../helpers/shop.ts';
import { buyAt, chargeOf } from './buying.ts';
import { bases, type Scenario, type ScenarioGroup } from './scenario.ts';
import { expectAccess, forever, idOf, pro, withPolicy } from './steps.ts';
import { post, tellOfDispute } from './telling.ts';

/** Buys without end, and the buyer's bank opens a dispute. Returns the dispute's id. */
async function disputed(
  shop: Shop,
  userId: string,
  { amount, ...request }: { inquiry?: boolean; currency?: string; amount?: number } = {},
): Promise<string> {
  const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
  const { id } = await chargeOf(shop, session);
  const dispute = await shop.sandbox.billing.openDispute(id, amount, request);
  await shop.settle();
  return dispute;
}

/** The statuses of an open dispute. */
const furtherOpen = [
  'under_review',
  'warning_under_review',
  'appeal_needs_response',
  'appeal_under_review',
] as const;

const open: readonly Scenario[] = [
  ...([false, true] as const).map((inquiry): Scenario => ({
    title: `an open dispute (\`${inquiry ? 'warning_' : ''}needs_response\`) keeps access, or suspends it if the policy says so`,
    basis: inquiry ? bases.inquiries : bases.disputes,
    async run(shop, userId) {
      await disputed(shop, userId, { inquiry });
      await expectAccess(shop, userId, forever);
      await withPolicy(shop, { dispute_opened: 'suspend' }, () => expectAccess(shop, userId, {}));
      await expectAccess(shop, userId, forever);
    },
  })),
  ...furtherOpen.map((status): Scenario => ({
    title: `\`${status}\` counts as an open dispute`,
    basis: bases.disputeStatus,
    async run(shop, userId) {
      const id = await disputed(shop, userId, { inquiry: status.startsWith('warning_') });
      await shop.sandbox.billing.moveDispute(id, status);
      await shop.settle();
      await expectAccess(shop, userId, forever);
      await withPolicy(shop, { dispute_opened: 'suspend' }, () => expectAccess(shop, userId, {}));
    },
  })),
];

const harmless = (['won', 'warning_closed', 'prevented'] as const).map((status): Scenario => ({
  title: `\`${status}\` restores what an open dispute suspended`,
  basis: bases.disputeStatus,
  run: (shop, userId) =>
    withPolicy(shop, { dispute_opened: 'suspend' }, async () => {
      const dispute = await disputed(shop, userId, { inquiry: status === 'warning_closed' });
      await expectAccess(shop, userId, {});
      await shop.sandbox.billing.closeDispute(dispute, status);
      await shop.settle();
      await expectAccess(shop, userId, forever);
    }),
}));

/** Of a purchase for 10.00. */
const differing = [
  {
    subject: 'whose amount differs by the exchange rate (9.73 of 10.00)',
    request: { amount: 973 },
  },
  { subject: 'in another currency', request: { amount: 410, currency: 'eur' } },
] as const;

/** Disputed money. */
export const disputes: ScenarioGroup = {
  subject: 'Disputes',
  scenarios: [
    ...open,
    ...harmless,
    {
      title: '`lost` counts as a refund of its amount, independent of the policy on open disputes',
      basis: bases.disputes,
      async run(shop, userId) {
        const dispute = await disputed(shop, userId);
        await shop.sandbox.billing.closeDispute(dispute, 'lost');
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    ...differing.map(({ subject, request }): Scenario => ({
      title: `a lost dispute ${subject} is about the whole`,
      basis: bases.disputes,
      async run(shop, userId) {
        const dispute = await disputed(shop, userId, request);
        await expectAccess(shop, userId, forever);
        await shop.sandbox.billing.closeDispute(dispute, 'lost');
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    })),
    {
      title: 'an unknown status leaves a dispute’s effect unchanged and raises an alarm',
      basis: bases.traps,
      async run(shop, userId) {
        const dispute = await disputed(shop, userId);
        const again = () =>
          post(shop, {
            type: 'charge.dispute.updated',
            object: { id: dispute, object: 'dispute' },
          });
        const alarms = await countAlarms(shop.service, 'unknown_status');
        tellOfDispute(shop, dispute, { status: 'on_the_moon' });
        await again();
        expect(await countAlarms(shop.service, 'unknown_status')).toBe(alarms + 1);
        await expectAccess(shop, userId, forever);
        await withPolicy(shop, { dispute_opened: 'suspend' }, () => expectAccess(shop, userId, {}));
        vi.restoreAllMocks();
        await shop.sandbox.billing.closeDispute(dispute, 'lost');
        await shop.settle();
        for (const status of ['on_the_moon', 'on_mars']) {
          tellOfDispute(shop, dispute, { status });
          await again();
          await expectAccess(shop, userId, {});
        }
        tellOfDispute(shop, dispute, { status: 'won' });
        await again();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title: 'an unknown status takes nothing if no other status was seen before',
      basis: bases.traps,
      run: (shop, userId) =>
        withPolicy(shop, { dispute_opened: 'suspend' }, async () => {
          const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
          const { id } = await chargeOf(shop, session);
          const dispute = await shop.sandbox.billing.openDispute(id);
          tellOfDispute(shop, dispute, { status: 'on_the_moon' });
          await shop.settle();
          await expectAccess(shop, userId, forever);
        }),
    },
    {
      title: 'a dispute that names no payment intent is found by its charge',
      basis: bases.disputeStatus,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const dispute = await shop.sandbox.billing.openDispute((await chargeOf(shop, session)).id);
        tellOfDispute(shop, dispute, { status: 'lost', payment_intent: null });
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a lost dispute that is appealed is open again; winning it restores access permanently',
      basis: bases.disputeStatus,
      async run(shop, userId) {
        const dispute = await disputed(shop, userId);
        for (const [status, expected] of [
          ['lost', {}],
          ['appeal_needs_response', forever],
          ['lost', {}],
          ['won', forever],
        ] as const) {
          await shop.sandbox.billing.moveDispute(dispute, status);
          await shop.settle();
          await expectAccess(shop, userId, expected);
        }
      },
    },
    {
      title: 'an inquiry that becomes a dispute and is lost ends access',
      basis: bases.inquiries,
      async run(shop, userId) {
        const dispute = await disputed(shop, userId, { inquiry: true });
        await shop.sandbox.billing.moveDispute(dispute, 'needs_response');
        await shop.settle();
        await expectAccess(shop, userId, forever);
        await shop.sandbox.billing.moveDispute(dispute, 'lost');
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: '`prevented` alone changes nothing',
      basis: bases.disputeStatus,
      async run(shop, userId) {
        const dispute = await disputed(shop, userId);
        await shop.sandbox.billing.closeDispute(dispute, 'prevented');
        await shop.settle();
        await expectAccess(shop, userId, forever);
      },
    },
    {
      title:
        'a lost dispute over a part is a partial refund, and ends access with the refund of the rest',
      basis: bases.merging,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
        const { id } = await chargeOf(shop, session);
        const dispute = await shop.sandbox.billing.openDispute(id, 600);
        await shop.sandbox.billing.closeDispute(dispute, 'lost');
        await shop.settle();
        await expectAccess(shop, userId, forever);
        await shop.sandbox.billing.refund(id, 400);
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an inquiry settled by a partial refund restores access',
      basis: bases.inquiries,
      run: (shop, userId) =>
        withPolicy(shop, { dispute_opened: 'suspend' }, async () => {
          const session = await buyAt(shop, userId, { prices: [shop.prices.forever] });
          const { id } = await chargeOf(shop, session);
          const dispute = await shop.sandbox.billing.openDispute(id, 1_000, { inquiry: true });
          await shop.settle();
          await expectAccess(shop, userId, {});
          await shop.sandbox.billing.refund(id, 200);
          await shop.sandbox.billing.closeDispute(dispute, 'warning_closed');
          await shop.settle();
          await expectAccess(shop, userId, forever);
        }),
    },
    {
      title: 'a dispute that arrives before the checkout’s completion still counts',
      basis: bases.eventOrder,
      async run(shop, userId) {
        const id = await shop.buy(userId, 'forever');
        const session = await shop.stripe.checkout.sessions.retrieve(id);
        const charge = await chargeOf(shop, session);
        const dispute = await shop.sandbox.billing.openDispute(charge.id);
        await shop.sandbox.billing.closeDispute(dispute, 'lost');
        await shop.sandbox.deliver(['charge.dispute.*']);
        await shop.service.runWorker();
        await shop.settle();
        await expectAccess(shop, userId, {});
      },
    },
    {
      title:
        'a lost dispute of a subscription’s first invoice ends the one-time line on it, and the subscription goes on',
      basis: bases.merging,
      async run(shop, userId) {
        const session = await buyAt(shop, userId, {
          mode: 'subscription',
          prices: [shop.prices.pro, shop.prices.forever],
        });
        const { id } = await chargeOf(shop, session);
        const dispute = await shop.sandbox.billing.openDispute(id);
        await shop.settle();
        await expectAccess(shop, userId, { ...pro, ...forever });
        await shop.sandbox.billing.closeDispute(dispute, 'lost');
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a dispute of a subscription’s payment alone changes nothing: the status decides',
      basis: bases.merging,
      run: (shop, userId) =>
        withPolicy(shop, { dispute_opened: 'suspend' }, async () => {
          const session = await buyAt(shop, userId, {
            mode: 'subscription',
            prices: [shop.prices.pro],
          });
          const { id } = await chargeOf(shop, session);
          const dispute = await shop.sandbox.billing.openDispute(id);
          await shop.settle();
          await expectAccess(shop, userId, pro);
          await shop.sandbox.billing.closeDispute(dispute, 'lost');
          await shop.settle();
          await expectAccess(shop, userId, pro);
          await shop.stripe.subscriptions.cancel(idOf(session.subscription));
          await shop.settle();
          await expectAccess(shop, userId, {});
        }),
    },
  ],
};
