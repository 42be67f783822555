import { expect, it } from 'vitest';
import { toApiFields } from '../../../src/reconciliation/core/field-names.ts';

it('the fields of a finding are named in snake_case, and ids in their paths stay', () => {
  expect(
    toApiFields({
      currentPeriodEnd: null,
      quantity: 2,
      'items.si_1NxYz.currentPeriodEnd': 'then',
      'items.si_1NxYz.id': 'si_1NxYz',
    }),
  ).toEqual({
    current_period_end: null,
    quantity: 2,
    'items.si_1NxYz.current_period_end': 'then',
    'items.si_1NxYz.id': 'si_1NxYz',
  });
});
