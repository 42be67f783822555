import { z } from 'zod';
import { pay, startCheckout } from './walk-pages.ts';
import type { Step, Walker } from './walker.ts';

const user = 'u_44';

const consumedShape = z.object({
  allowed: z.boolean(),
  reason: z.string(),
  consumed: z.int(),
  balance: z.int().nullable(),
});

/** Returns the steps of a metered feature: bought, used, used up. */
export function usageSteps(): Step[] {
  return [
    {
      title: `${user} buys a pack of 20 credits`,
      async run(walker) {
        await expectUse(walker, 'without credits, a use is denied', ['job_0', 3], {
          ...{ allowed: false, reason: 'no_source', consumed: 0, balance: 0 },
        });
        const pageUrl = await startCheckout(walker, user, walker.prices.creditPack);
        await pay(walker, pageUrl, user, 'credits');
      },
    },
    {
      title: 'The app counts what is used: each use once',
      async run(walker) {
        const counted = { allowed: true, reason: 'granted', consumed: 15, balance: 5 };
        await expectUse(walker, '15 of 20 credits are used', ['job_1', 15], counted);
        await expectUse(walker, 'a retry with the same key counts nothing', ['job_1', 15], counted);
        await expectUse(walker, 'more than is left is denied, and nothing is used', ['job_2', 6], {
          ...{ allowed: false, reason: 'limit_reached', consumed: 0, balance: 5 },
        });
        await expectUse(walker, 'the rest can be used', ['job_3', 5], {
          ...{ allowed: true, reason: 'granted', consumed: 5, balance: 0 },
        });
      },
    },
  ];
}

/** Consumes credits with a key, and checks the response. */
async function expectUse(
  walker: Walker,
  statement: string,
  [key, amount]: [string, number],
  expected: z.infer<typeof consumedShape>,
): Promise<void> {
  const item = { user_id: user, feature_code: 'credits', amount, idempotency_key: key };
  const call = {
    method: 'POST',
    path: '/api/v1/usage/consume/batch',
    body: { items: [item] },
  } as const;
  const shape = z.object({ data: z.array(consumedShape) });
  const { data } = (await walker.ask(call, { status: 200, shape })).body;
  walker.expectEqual(statement, data, [expected]);
}
