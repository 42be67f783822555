import type { z } from 'zod';
import type { FigureLine } from './core/csv.ts';
import type { Flow } from './core/figures.ts';
import { count, counts, group, money, revenue, type Shape } from './figure-shapes.ts';
import type { ProjectStanding } from './report.ts';

/** A figure of reports. */
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

/** Figures of the present state when a report is requested. */
const standing = figuresOf<'standing', ProjectStanding>('standing');

/** Figures of the changes in the window of a report. */
const flow = figuresOf<'flow', Flow>('flow');

/** The figures of subscriptions, in the order of reports. */
export const subscriptionFigures = {
  by_status: standing(counts, "All subscriptions, by Stripe's status", (all) => all.byStatus),
  by_product: standing(counts, 'Active subscriptions, by product', (all) => all.byProduct),
  by_price: standing(counts, 'Active subscriptions, by price', (all) => all.byPrice),
  new: flow(
    count,
    'Subscriptions that began in the window, without reactivated ones',
    ({ movement }) => movement.started,
  ),
  churned: flow(
    count,
    'Subscriptions that ended in the window',
    ({ movement }) => movement.churned,
  ),
  reactivated: flow(
    count,
    'Subscriptions that began in the window, of subscribers whose earlier ones had all ended',
    ({ movement }) => movement.reactivated,
  ),
  trialing: flow(
    count,
    'Subscriptions in a trial at some instant of the window',
    ({ movement }) => movement.trialing,
  ),
};

/** All other figures. */
export const otherFigures = {
  mrr: standing(money, 'Per month, minor units by currency: active and past due', (all) => all.mrr),
  mrr_apart: standing(
    group({
      trialing: money,
      paused: money,
      unpriced_items: {
        ...count,
        schema: count.schema.describe('Items that count as 0, because their price is unknown'),
      },
    }),
    'Monthly amounts that are not in `mrr`',
    ({ mrrTrialing, mrrPaused, unpricedItems }) => ({
      trialing: mrrTrialing,
      paused: mrrPaused,
      unpriced_items: unpricedItems,
    }),
  ),
  revenue: flow(revenue, 'Minor units by currency, over the window', (all) => all.revenue),
  payments: flow(
    group({ failed: count, recovered: count }),
    'Invoices in the window with a failed payment, and invoices paid after a failed payment',
    (all) => all.payments,
  ),
  entitled_users: standing(counts, 'Users by feature code', (all) => all.entitledUsers),
  grants_in_force: standing(
    count,
    'Manual grants in force: their window covers now, and no operator has ended them',
    (all) => all.grantsInForce,
  ),
};
