import { z } from 'zod';
import { isoInstantSchema } from '../http/schemas.ts';
import type { FigureLine } from './core/csv.ts';
import type { Flow } from './core/figures.ts';
import { type AnyFigure, otherFigures, subscriptionFigures } from './figure-table.ts';
import type { ProjectStanding } from './report.ts';

/* The schemas of reports and stored days, derived from the table of figures. */

type FigureTable = Readonly<Record<string, AnyFigure>>;

/**
 * The figures that every stored day has. Any other figure is null if the day was written too late to measure
 * the state, or by a release that did not have the figure.
 */
const inEveryDay = ['new', 'churned', 'reactivated', 'trialing', 'revenue', 'payments'] as const;

type ReportShape<Table extends FigureTable> = { [Name in keyof Table]: Table[Name]['schema'] };
type DayShape<Table extends FigureTable> = {
  [Name in keyof Table]: Name extends (typeof inEveryDay)[number]
    ? Table[Name]['schema']
    : z.ZodNullable<Table[Name]['schema']>;
};

function reportShape<Table extends FigureTable>(table: Table): ReportShape<Table> {
  // The return type of `shapeOf` loses the type of each figure's schema.
  return shapeOf(table, (_, schema) => schema) as ReportShape<Table>;
}

function dayShape<Table extends FigureTable>(table: Table): DayShape<Table> {
  const names: readonly string[] = inEveryDay;
  // As in `reportShape`. The condition matches that of `DayShape`.
  return shapeOf(table, (name, schema) =>
    names.includes(name) ? schema : schema.nullable(),
  ) as DayShape<Table>;
}

/** Returns the schemas of figures in JSON order: first the current state, then the changes. */
function shapeOf(
  table: FigureTable,
  toSchema: (name: string, schema: z.ZodType) => z.ZodType,
): z.ZodRawShape {
  const { standing = [], flow = [] } = Object.groupBy(Object.entries(table), ([, { of }]) => of);
  return Object.fromEntries(
    [...standing, ...flow].map(([name, { schema }]) => [name, toSchema(name, schema)]),
  );
}

const projectReportSchema = z
  .object({
    project_id: z.string(),
    subscriptions: z.object(reportShape(subscriptionFigures)),
    ...reportShape(otherFigures),
  })
  .meta({ id: 'ProjectReport' });

export const reportSchema = z.object({
  from: isoInstantSchema,
  to: isoInstantSchema,
  projects: z.array(projectReportSchema),
});

type ProjectReport = z.infer<typeof projectReportSchema>;

/** The figures of a day. */
export const dayFiguresSchema = z.object({
  subscriptions: z.object(dayShape(subscriptionFigures)),
  ...dayShape(otherFigures),
});

export type DayFigures = z.infer<typeof dayFiguresSchema>;

/** Parses the figures of a day that any release has stored. Missing figures are null. */
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
        day: z.iso.date().describe('The day, in UTC'),
        measured_at: isoInstantSchema
          .nullable()
          .describe(
            'When the current state was measured; `null` if the day was written too late to measure it',
          ),
        ...dayFiguresSchema.shape,
      })
      .meta({ id: 'DailyReport' }),
  ),
});

export function toProjectReportDto(
  projectId: string,
  standing: ProjectStanding,
  flow: Flow,
): ProjectReport {
  return projectReportSchema.parse({ project_id: projectId, ...jsonOf(flow, standing) });
}

/**
 * Returns the figures of a day in the form in which they are stored.
 *
 * @param standing undefined if it is too late to measure the state.
 */
export function toDayFigures(standing: ProjectStanding | undefined, flow: Flow): DayFigures {
  return dayFiguresSchema.parse(jsonOf(flow, standing));
}

/** Returns a stored day with its changes replaced and its recorded state kept. */
export function withFlow(day: DayFigures, flow: Flow): DayFigures {
  return dayFiguresSchema.parse(jsonOf(flow, undefined, day));
}

function jsonOf(flow: Flow, standing: ProjectStanding | undefined, day?: DayFigures) {
  const each = (table: FigureTable, stored: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(
      Object.entries(table).map(([name, figure]) => {
        if (figure.of === 'flow') return [name, figure.toJson(flow)];
        return [name, standing === undefined ? (stored[name] ?? null) : figure.toJson(standing)];
      }),
    );
  return {
    subscriptions: each(subscriptionFigures, day?.subscriptions),
    ...each(otherFigures, day),
  };
}

/** Returns the CSV lines of a report or a day. Null figures have no line. */
export function figureLines(report: ProjectReport | DayFigures): FigureLine[] {
  const each = (prefix: string, table: FigureTable, values: Readonly<Record<string, unknown>>) =>
    Object.entries(table).flatMap(([name, figure]) => {
      const value = values[name] ?? null;
      return value === null ? [] : figure.toLines(`${prefix}${name}`, value);
    });
  return [
    ...each('subscriptions.', subscriptionFigures, report.subscriptions),
    ...each('', otherFigures, report),
  ];
}
