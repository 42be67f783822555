import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ProjectAccess } from '../auth/project-access.ts';
import { prefersToJson } from '../http/accept.ts';
import type { App } from '../http/app-types.ts';
import { heavyCost } from '../http/fair-shares.ts';
import { isoInstant, instantSchema, projectIdSchema } from '../http/schemas.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { toCsv } from './core/csv.ts';
import { loadDays } from './daily.ts';
import { createReports } from './report.ts';
import { dailySchema, figureLines, reportSchema, toProjectReportDto } from './schemas.ts';
import { reportWindow } from './window.ts';

const tags = ['Reports'];

const config = {
  auth: 'admin',
  allProjects: true,
  cost: heavyCost,
  problems: ['window_invalid'],
} as const;

const querystring = z.strictObject({
  project_id: projectIdSchema.optional(),
  from: instantSchema.optional().describe('Start of the window; 30 days before `to` by default'),
  to: instantSchema.optional().describe('End of the window, exclusive; just after now by default'),
});

/** Maximum number of days in one response, enough for a one-year chart. */
const maxDays = 400;

/** Registers the routes for reports. */
export function reportRoutes(
  app: App,
  deps: { database: Database; clock: Clock; access: ProjectAccess },
): void {
  const { database, clock } = deps;
  const loadReports = createReports(database);

  app.get(
    '/api/v1/metrics',
    {
      config,
      schema: {
        tags,
        summary:
          'Get subscriptions, recurring and other revenue, payments, users and grants, by project. Send `Accept: text/csv` for CSV.',
        querystring,
        response: { 200: asJsonOrCsv(reportSchema) },
      },
    },
    async (request, reply) => {
      const now = clock();
      const { from, to } = reportWindow(request.query, now);
      const scope = await deps.access.scopeOf(request, request.query.project_id);
      const reports = await loadReports({ scope, window: { from, to }, now });
      const projects = [...reports].map(([projectId, { standing, flow }]) =>
        toProjectReportDto(projectId, standing, flow),
      );
      const window = { from: isoInstant(from), to: isoInstant(to) };
      if (!prefersToJson(request.headers.accept, 'text/csv'))
        return reply.send({ ...window, projects });
      return sendCsv(
        reply,
        toCsv(
          ['from', 'to', 'project_id'],
          projects.map((project) => ({
            cells: [window.from, window.to, project.project_id],
            figures: figureLines(project),
          })),
        ),
      );
    },
  );

  app.get(
    '/api/v1/metrics/daily',
    {
      config,
      schema: {
        tags,
        summary: 'Get the figures that were stored for each day, for charts, for up to 400 days',
        querystring,
        response: { 200: asJsonOrCsv(dailySchema) },
      },
    },
    async (request, reply) => {
      const { from, to } = reportWindow(request.query, clock(), maxDays);
      const scope = await deps.access.scopeOf(request, request.query.project_id);
      const days = (await loadDays(database, scope, { from, to })).map((report) => ({
        project_id: report.projectId,
        day: isoInstant(report.dayAt).slice(0, 10),
        measured_at: isoInstant(report.measuredAt),
        ...report.figures,
      }));
      if (!prefersToJson(request.headers.accept, 'text/csv')) {
        return reply.send({ from: isoInstant(from), to: isoInstant(to), days });
      }
      return sendCsv(
        reply,
        toCsv(
          ['day', 'project_id'],
          days.map((day) => ({ cells: [day.day, day.project_id], figures: figureLines(day) })),
        ),
      );
    },
  );
}

function asJsonOrCsv<T extends z.ZodType>(schema: T) {
  return {
    description: 'The report',
    content: { 'application/json': { schema }, 'text/csv': { schema: z.string() } },
  };
}

function sendCsv(reply: FastifyReply, csv: string): FastifyReply {
  return reply.type('text/csv; charset=utf-8; header=present').send(csv);
}
