import { expect, test } from 'vitest';
import type { Flow } from '../../../src/reporting/core/figures.ts';
import { otherFigures, subscriptionFigures } from '../../../src/reporting/figure-table.ts';
import type { ProjectStanding } from '../../../src/reporting/report.ts';
import { toProjectReportDto } from '../../../src/reporting/schemas.ts';
import { exampleTable } from './document.ts';

const kinds = { standing: 'state', flow: 'change' };

test('docs/reports.md lists every figure, its kind and what it means', () => {
  const named = [
    ...Object.entries(subscriptionFigures).map(
      ([name, figure]) => [`subscriptions.${name}`, figure] as const,
    ),
    ...Object.entries(otherFigures),
  ];
  expect(exampleTable('figure')).toEqual(
    named.map(([name, { of, schema }]) => [`\`${name}\``, kinds[of], schema.description]),
  );
});

/** Facts of a report, no two of which have the same number. */
const standing: ProjectStanding = {
  byStatus: new Map([['active', 101]]),
  active: 102,
  byProduct: new Map([['pro', 103]]),
  byPrice: new Map([['monthly', 104]]),
  mrr: new Map([['usd', 105n]]),
  mrrTrialing: new Map([['usd', 106n]]),
  mrrPaused: new Map([['usd', 107n]]),
  unpricedItems: 108,
  entitledUsers: new Map([['export', 109]]),
  grantsInForce: 110,
};
const flow: Flow = {
  movement: { started: 111, churned: 112, reactivated: 113, trialing: 114 },
  revenue: new Map([['usd', { gross: 115n, refunded: 116n, disputed: 117n, net: 118n }]]),
  payments: { failed: 119, recovered: 120 },
  usage: new Map([['credits', { used: 121n, reversed: 122n, users: 123 }]]),
};

test('every fact of a report is shown once; only the number of active subscriptions is just a gauge', () => {
  const shown = numbersOf(toProjectReportDto('notes', standing, flow));
  const facts = numbersOf({ ...standing, active: [], ...flow });
  expect(shown.toSorted()).toEqual(facts.toSorted());
});

function numbersOf(value: unknown): number[] {
  if (typeof value === 'number' || typeof value === 'bigint') return [Number(value)];
  if (value instanceof Map) return [...value.values()].flatMap(numbersOf);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersOf) : [];
}
