import { describe, expect, it } from 'vitest';
import { namedFeatures } from '../../../src/catalog/from-stripe.ts';

describe('namedFeatures', () => {
  it('reads codes parted by commas, a limit with its value', () => {
    expect(namedFeatures({ feature_codes: 'export, seats=5,storage=unlimited' })).toEqual([
      { code: 'export', value: null },
      { code: 'seats', value: 5 },
      { code: 'storage', value: 'unlimited' },
    ]);
  });

  it('finds none where the metadata name none', () => {
    expect(namedFeatures({})).toEqual([]);
    expect(namedFeatures({ feature_codes: ' , ' })).toEqual([]);
  });

  it('hands on a value that is no whole number as it is, to be refused by its type', () => {
    expect(namedFeatures({ feature_codes: 'seats=1.5,rows==2,cells=' })).toEqual([
      { code: 'seats', value: '1.5' },
      { code: 'rows', value: '=2' },
      { code: 'cells', value: '' },
    ]);
  });
});
