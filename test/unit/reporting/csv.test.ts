import { describe, expect, it } from 'vitest';
import { prefersToJson } from '../../../src/http/accept.ts';
import { toCsv } from '../../../src/reporting/core/csv.ts';
import { inMajorUnits } from '../../../src/reporting/core/currency.ts';
import { type DayFigures, figureLines } from '../../../src/reporting/schemas.ts';

describe('amounts as people write them', () => {
  it.each([
    [4200n, 'usd', '42.00'],
    [4200n, 'jpy', '4200'],
    [4200n, 'kwd', '4.200'],
    [5n, 'eur', '0.05'],
    [5n, 'bhd', '0.005'],
    [0n, 'usd', '0.00'],
    [0n, 'krw', '0'],
    [-150n, 'usd', '-1.50'],
    [-7n, 'tnd', '-0.007'],
    [500n, 'isk', '5.00'],
    [500n, 'ugx', '5.00'],
  ])('%s of %s is %s', (amount, currency, expected) => {
    expect(inMajorUnits(amount, currency)).toBe(expected);
  });
});

describe('the preference', () => {
  it.each([
    [undefined, false],
    ['*/*', false],
    ['application/json', false],
    ['text/csv', true],
    ['TEXT/CSV; charset=utf-8', true],
    ['text/*', true],
    ['text/csv, application/json', false],
    ['text/csv, application/json;q=0.5', true],
    ['text/csv;q=0.5, application/json', false],
    ['text/csv, */*;q=0.1', true],
    ['text/csv;q=0, text/*', false],
    ['text/csv;q=nonsense', false],
    ['image/png', false],
  ])('%s: CSV %s', (accept, expected) => {
    expect(prefersToJson(accept, 'text/csv')).toBe(expected);
  });
});

const figures: DayFigures = {
  subscriptions: {
    by_status: { active: 2 },
    by_product: { '=cmd|"x"': 2 },
    by_price: {},
    new: 1,
    churned: 0,
    reactivated: 0,
    trialing: 0,
  },
  mrr: { usd: 4200 },
  mrr_apart: { trialing: {}, paused: { jpy: 500 }, unpriced_items: 0 },
  revenue: { usd: { gross: 100, refunded: 250, disputed: 0, net: -150 } },
  payments: { failed: 3, recovered: 1 },
  usage: { credits: { used: 40, reversed: 5, users: 2 } },
  entitled_users: { export: 7 },
  grants_in_force: 1,
};

describe('the table', () => {
  it('has a line per figure, and lets no text pass as a formula', () => {
    const lines = toCsv(
      ['day', 'project_id'],
      [{ cells: ['2026-11-01', 'notes'], figures: figureLines(figures) }],
    );
    expect(lines.split('\r\n')).toEqual([
      'day,project_id,figure,of,currency,value,amount',
      '2026-11-01,notes,subscriptions.by_status,active,,2,',
      `2026-11-01,notes,subscriptions.by_product,"'=cmd|""x""",,2,`,
      '2026-11-01,notes,subscriptions.new,,,1,',
      '2026-11-01,notes,subscriptions.churned,,,0,',
      '2026-11-01,notes,subscriptions.reactivated,,,0,',
      '2026-11-01,notes,subscriptions.trialing,,,0,',
      '2026-11-01,notes,mrr,,usd,4200,42.00',
      '2026-11-01,notes,mrr_apart.paused,,jpy,500,500',
      '2026-11-01,notes,mrr_apart.unpriced_items,,,0,',
      '2026-11-01,notes,revenue.gross,,usd,100,1.00',
      '2026-11-01,notes,revenue.refunded,,usd,250,2.50',
      '2026-11-01,notes,revenue.disputed,,usd,0,0.00',
      '2026-11-01,notes,revenue.net,,usd,-150,-1.50',
      '2026-11-01,notes,payments.failed,,,3,',
      '2026-11-01,notes,payments.recovered,,,1,',
      '2026-11-01,notes,usage.used,credits,,40,',
      '2026-11-01,notes,usage.reversed,credits,,5,',
      '2026-11-01,notes,usage.users,credits,,2,',
      '2026-11-01,notes,entitled_users,export,,7,',
      '2026-11-01,notes,grants_in_force,,,1,',
      '',
    ]);
  });

  it('has no lines for what was not counted', () => {
    const unknown: DayFigures = {
      ...figures,
      subscriptions: {
        ...figures.subscriptions,
        by_status: null,
        by_product: null,
        by_price: null,
      },
      mrr: null,
      mrr_apart: null,
      entitled_users: null,
      grants_in_force: null,
    };
    const told = toCsv([], [{ cells: [], figures: figureLines(unknown) }]);
    const named = told.split('\r\n').map((line) => line.split(',')[0]);
    expect(named.filter((name) => /mrr|by_|entitled|grants/.test(name ?? ''))).toEqual([]);
    expect(named).toContain('subscriptions.new');
  });
});
