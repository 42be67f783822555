import { expect, test } from 'vitest';
import { otherFigures, subscriptionFigures } from '../../../src/reporting/figure-table.ts';
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
