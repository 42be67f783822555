import { z } from 'zod';
import { isoInstantSchema } from '../http/schemas.ts';
import type { ByCurrency, Flow } from './core/figures.ts';
import type { ProjectStanding } from './report.ts';

/** Whole minor units of the currency, which may be below 0 (a net after refunds). */
const amountSchema = z.int();
const byCurrencySchema = z.record(z.string(), amountSchema).describe('Minor units by currency');
const countsSchema = z.record(z.string(), z.int());

/** What happened over the window. */
const flowShape = {
  revenue: z
    .record(
      z.string(),
      z.object({
        gross: amountSchema,
        refunded: amountSchema,
        disputed: amountSchema,
        net: amountSchema,
      }),
    )
    .describe('Minor units by currency, over the window'),
  payments: z
    .object({ failed: z.int(), recovered: z.int() })
    .describe('Invoices, over the window: a payment failed; paid after one had failed'),
};

const movementShape = {
  new: z.int().describe('Began in the window, those who came back apart'),
  churned: z.int().describe('Ended in the window'),
  reactivated: z.int().describe('Began in the window, of people whose former ones had all ended'),
  trialing: z.int().describe('In a trial at some instant of the window'),
};

/** What there is when the report is made. */
const standingShape = {
  mrr: byCurrencySchema.describe('Per month, minor units by currency: active and past due'),
  mrr_apart: z.object({
    trialing: byCurrencySchema,
    paused: byCurrencySchema,
    unpriced_items: z.int().describe('Items that count as nothing, since their price is not known'),
  }),
  entitled_users: countsSchema.describe('Users by feature code'),
  grants_in_force: z.int(),
};

const countShape = {
  by_status: countsSchema.describe("All subscriptions, by Stripe's status"),
  by_product: countsSchema.describe('Active ones, by product'),
  by_price: countsSchema.describe('Active ones, by price'),
};

const projectReportSchema = z
  .object({
    project_id: z.string(),
    subscriptions: z.object({ ...countShape, ...movementShape }),
    ...standingShape,
    ...flowShape,
  })
  .meta({ id: 'ProjectReport' });

export const reportSchema = z.object({
  from: isoInstantSchema,
  to: isoInstantSchema,
  projects: z.array(projectReportSchema),
});

type ProjectReport = z.infer<typeof projectReportSchema>;

/**
 * The figures of a day. Those of the standing are null if the day was written too late to count them. A
 * figure that a later release adds must be nullable, since rows of earlier releases lack it.
 */
export const dayFiguresSchema = z.object({
  subscriptions: z.object({
    by_status: countShape.by_status.nullable(),
    by_product: countShape.by_product.nullable(),
    by_price: countShape.by_price.nullable(),
    ...movementShape,
  }),
  mrr: standingShape.mrr.nullable(),
  mrr_apart: standingShape.mrr_apart.nullable(),
  entitled_users: standingShape.entitled_users.nullable(),
  grants_in_force: standingShape.grants_in_force.nullable(),
  ...flowShape,
});

export type DayFigures = z.infer<typeof dayFiguresSchema>;

/** Returns the figures of a stored day, whichever release wrote it: figures that it lacks are null. */
export function readDayFigures(stored: unknown): DayFigures {
  return dayFiguresSchema.parse(withMissingAsNull(dayFiguresSchema, stored));
}

function withMissingAsNull(schema: z.core.$ZodType, stored: unknown): unknown {
  if (schema instanceof z.ZodNullable) return withMissingAsNull(schema.unwrap(), stored);
  if (!(schema instanceof z.ZodObject) || !isRecord(stored)) return stored;
  return Object.fromEntries(
    Object.entries<z.core.$ZodType>(schema.shape).map(([key, field]) => [
      key,
      withMissingAsNull(field, stored[key] ?? null),
    ]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export const dailySchema = z.object({
  from: isoInstantSchema,
  to: isoInstantSchema,
  days: z.array(
    z
      .object({
        project_id: z.string(),
        day: z.iso.date().describe('UTC'),
        measured_at: isoInstantSchema
          .nullable()
          .describe('When what stood was counted; null where it was too late to'),
        ...dayFiguresSchema.shape,
      })
      .meta({ id: 'DailyReport' }),
  ),
});

export function presentProject(
  projectId: string,
  standing: ProjectStanding,
  flow: Flow,
): ProjectReport {
  const { subscriptions, ...stood } = presentStanding(standing);
  const { subscriptions: moved, ...happened } = presentFlow(flow);
  return {
    project_id: projectId,
    subscriptions: { ...subscriptions, ...moved },
    ...stood,
    ...happened,
  };
}

/** @param standing undefined where it is too late to count what stood. */
export function presentDay(standing: ProjectStanding | undefined, flow: Flow): DayFigures {
  const { subscriptions: moved, ...happened } = presentFlow(flow);
  const { subscriptions, ...stood } =
    standing === undefined ? nothingStood : presentStanding(standing);
  return { subscriptions: { ...subscriptions, ...moved }, ...stood, ...happened };
}

/** A day with what happened on it told anew. */
export function retellDay(day: DayFigures, flow: Flow): DayFigures {
  const { subscriptions: moved, ...happened } = presentFlow(flow);
  return { ...day, subscriptions: { ...day.subscriptions, ...moved }, ...happened };
}

const nothingStood = {
  subscriptions: { by_status: null, by_product: null, by_price: null },
  mrr: null,
  mrr_apart: null,
  entitled_users: null,
  grants_in_force: null,
};

function presentStanding(standing: ProjectStanding) {
  return {
    subscriptions: {
      by_status: sorted(standing.byStatus),
      by_product: sorted(standing.byProduct),
      by_price: sorted(standing.byPrice),
    },
    mrr: amounts(standing.mrr),
    mrr_apart: {
      trialing: amounts(standing.mrrTrialing),
      paused: amounts(standing.mrrPaused),
      unpriced_items: standing.unpricedItems,
    },
    entitled_users: sorted(standing.entitledUsers),
    grants_in_force: standing.grantsInForce,
  };
}

function presentFlow({ movement, revenue, payments }: Flow) {
  const { started, churned, reactivated, trialing } = movement;
  return {
    subscriptions: { new: started, churned, reactivated, trialing },
    revenue: sorted(revenue, ({ gross, refunded, disputed, net }) => ({
      gross: clampToSafeInteger(gross),
      refunded: clampToSafeInteger(refunded),
      disputed: clampToSafeInteger(disputed),
      net: clampToSafeInteger(net),
    })),
    payments,
  };
}

function amounts(byCurrency: ByCurrency): Record<string, number> {
  return sorted(byCurrency, clampToSafeInteger);
}

/**
 * Clamps an amount to what JSON numbers hold exactly, 90 trillion dollars. One absurd subscription must not
 * keep all projects from their reports.
 */
function clampToSafeInteger(amount: bigint): number {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(amount > most ? most : amount < -most ? -most : amount);
}

function sorted(map: ReadonlyMap<string, number>): Record<string, number>;
function sorted<T, Out>(map: ReadonlyMap<string, T>, toOut: (value: T) => Out): Record<string, Out>;
function sorted<T, Out>(
  map: ReadonlyMap<string, T>,
  toOut?: (value: T) => Out,
): Record<string, T | Out> {
  const entries = [...map].sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(
    entries.map(([key, value]) => [key, toOut === undefined ? value : toOut(value)]),
  );
}
