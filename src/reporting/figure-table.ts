import type { z } from 'zod';
import type { FigureLine } from './core/csv.ts';
import type { Flow } from './core/figures.ts';
import { count, counts, group, money, revenue, type Shape, usage } from './figure-shapes.ts';
import type { ProjectStanding } from './report.ts';

/** A figure in reports. */
interface Figure<Of, Facts, Json> {
  of: Of;
  schema: z.ZodType<Json>;
  toJson(facts: Facts): Json;
  toLines(name: string, json: Json): FigureLine[];
}

export type AnyFigure =
  Figure<'standing', ProjectStanding, unknown> | Figure<'flow', Flow, unknown>;

function figuresOf<Of extends string, Facts>(of: Of) {
  return <Value, Json>(
    shape: Shape<Value, Json>,
    meaning: string,
    valueOf: (facts: Facts) => Value,
  ): Figure<Of, Facts, Json> => ({
    ...shape,
    of,
    schema: shape.schema.describe(meaning),
    toJson: (facts) => shape.toJson(valueOf(facts)),
  });
}

/** Figures for the state at the time of the request. */
const standing = figuresOf<'standing', ProjectStanding>('standing');

/** Figures for the changes in the report's window. */
const flow = figuresOf<'flow', Flow>('flow');

/** The figures of subscriptions, in the order of reports. */
export const subscriptionFigures = {
  by_status: standing(counts, "All subscriptions, by Stripe's status", (all) => all.byStatus),
  by_product: standing(counts, 'Active subscriptions, by product', (all) => all.byProduct),
  by_price: standing(counts, 'Active subscriptions, by price', (all) => all.byPrice),
  new: flow(
    count,
    'Subscriptions that began in the window, excluding reactivated ones',
    ({ movement }) => movement.started,
  ),
  churned: flow(
    count,
    'Subscriptions that ended in the window',
    ({ movement }) => movement.churned,
  ),
  reactivated: flow(
    count,
    'Subscriptions that began in the window after all earlier ones of the subscriber had ended',
    ({ movement }) => movement.reactivated,
  ),
  trialing: flow(
    count,
    'Subscriptions that were in a trial at any instant of the window',
    ({ movement }) => movement.trialing,
  ),
};

/** The figures at the top level of a report, outside `subscriptions`. */
export const otherFigures = {
  mrr: standing(
    money,
    'Monthly amounts of active and past-due subscriptions, in minor units by currency',
    (all) => all.mrr,
  ),
  mrr_apart: standing(
    group({
      trialing: money,
      paused: money,
      unpriced_items: {
        ...count,
        schema: count.schema.describe(
          'Number of items that are included as 0 because their price is unknown',
        ),
      },
    }),
    'Monthly amounts that are not in `mrr`. `trialing`: of subscriptions in a trial; `paused`: of subscriptions that are paused or whose collection is paused',
    ({ mrrTrialing, mrrPaused, unpricedItems }) => ({
      trialing: mrrTrialing,
      paused: mrrPaused,
      unpriced_items: unpricedItems,
    }),
  ),
  revenue: flow(
    revenue,
    'Revenue in the window, in minor units by currency. `gross`: payments; `refunded`: refunds; `disputed`: lost disputes; `net`: `gross` minus `refunded` and `disputed`',
    (all) => all.revenue,
  ),
  payments: flow(
    group({ failed: count, recovered: count }),
    '`failed`: number of invoices finalized in the window whose payment failed at least once; `recovered`: number of invoices paid in the window after a failed payment',
    (all) => all.payments,
  ),
  usage: flow(
    usage,
    'Usage of metered features in the window, by feature code. `used`: units consumed; `reversed`: units given back; `users`: number of users who used units',
    (all) => all.usage,
  ),
  entitled_users: standing(
    counts,
    'Number of entitled users by feature code',
    (all) => all.entitledUsers,
  ),
  grants_in_force: standing(
    count,
    'Number of manual grants in force: the window covers now, and no operator has ended the grant',
    (all) => all.grantsInForce,
  ),
};
