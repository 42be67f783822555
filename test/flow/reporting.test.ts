import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';
import { yearNow, yearStart } from './reporting/calendar.ts';
import { writeYear } from './reporting/year.ts';

/*
 * A generated year of 2,000 subscriptions, reported by the service and computed again by a statement
 * that was written from docs/reports.md alone.
 */

const seed = Number(process.env['REPORTING_SEED'] ?? 20_261_124);
const byTheLetter = readFileSync(
  path.join(import.meta.dirname, 'reporting/by-the-letter.sql'),
  'utf8',
);

let service: TestService;
let alphaKey = '';

beforeAll(async () => {
  service = await startTestService({ now: yearStart });
  alphaKey = (await service.createProject('alpha')).key;
  await service.createProject('beta');
  await service.createProject('empty');
  service.clock.set(yearNow);
  await writeYear(service.deps.database, seed);
});
afterAll(() => service.close());

interface Line {
  project_id: string;
  figure: string;
  of: string;
  currency: string;
  value: string;
}

const written = (line: Line): string =>
  [line.project_id, line.figure, line.of, line.currency, line.value].join(' ');

async function reported(from: string, to: string, key: string): Promise<string[]> {
  const { status, body } = await service.request('GET', `/metrics?from=${from}&to=${to}`, {
    key,
    headers: { accept: 'text/csv' },
  });
  expect(status).toBe(200);
  if (typeof body !== 'string') throw new Error('no table');
  return body
    .split('\r\n')
    .slice(1, -1)
    .map((text) => {
      const [, , project_id = '', figure = '', of = '', currency = '', value = ''] =
        text.split(',');
      return written({ project_id, figure, of, currency, value });
    })
    .sort();
}

async function computed(from: string, to: string): Promise<string[]> {
  const { rows } = await service.deps.database.pool.query<Line>(byTheLetter, [
    from,
    to,
    new Date(yearNow),
  ]);
  return rows.map(written).sort();
}

const windows: [string, string, string][] = [
  ['the year', '2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ['a quarter', '2026-04-01T00:00:00.000Z', '2026-07-01T00:00:00.000Z'],
  ['a month', '2026-06-01T00:00:00.000Z', '2026-07-01T00:00:00.000Z'],
  ['a day', '2026-09-01T00:00:00.000Z', '2026-09-02T00:00:00.000Z'],
  ['a second on the bound', '2026-10-01T00:00:00.000Z', '2026-10-01T00:00:00.001Z'],
  ['the second before it', '2026-09-30T23:59:59.999Z', '2026-10-01T00:00:00.000Z'],
  ['the future', '2027-06-01T00:00:00.000Z', '2027-07-01T00:00:00.000Z'],
];

describe('a generated year', () => {
  it.each(windows)(
    '%s: every figure is the one that the document says',
    async (_name, from, to) => {
      const lines = await reported(from, to, adminKey);
      expect(lines).toEqual(await computed(from, to));
    },
  );

  it('has something of everything, so that the comparison compares', async () => {
    const [, from = '', to = ''] = windows[0] ?? [];
    const lines = await reported(from, to, alphaKey);
    const valueOf = (figure: string): number =>
      Number(
        lines
          .find((line) => line.startsWith(`alpha ${figure}`))
          ?.split(' ')
          .at(-1),
      );
    for (const figure of [
      'subscriptions.new',
      'subscriptions.churned',
      'subscriptions.reactivated',
      'subscriptions.trialing',
      'payments.failed',
      'payments.recovered',
      'grants_in_force',
      'entitled_users export',
      'mrr_apart.unpriced_items',
      ...['usd', 'eur', 'jpy', 'kwd'].flatMap((currency) => [
        `mrr  ${currency}`,
        `mrr_apart.trialing  ${currency}`,
        `mrr_apart.paused  ${currency}`,
        `revenue.gross  ${currency}`,
        `revenue.refunded  ${currency}`,
        `revenue.disputed  ${currency}`,
      ]),
    ]) {
      expect(valueOf(figure), figure).toBeGreaterThan(0);
    }
  });

  it("a project's own report is its part of the platform's", async () => {
    const [, from = '', to = ''] = windows[1] ?? [];
    const all = await reported(from, to, adminKey);
    const own = all.filter((line) => line.startsWith('alpha '));
    expect(own.length).toBeGreaterThan(40);
    expect(await reported(from, to, alphaKey)).toEqual(own);
  });
});
