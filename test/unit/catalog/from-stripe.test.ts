import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { namedFeatures, toPriceRow, toProductRow } from '../../../src/catalog/core/from-stripe.ts';

const product: Stripe.Product = {
  id: 'prod_1',
  object: 'product',
  active: true,
  created: 1_790_000_000,
  description: null,
  images: [],
  livemode: false,
  marketing_features: [],
  metadata: { project_id: 'notes' },
  name: 'Pro',
  package_dimensions: null,
  shippable: null,
  tax_details: null,
  type: 'service',
  updated: 1_790_000_000,
  url: null,
};

const price: Stripe.Price = {
  id: 'price_1',
  object: 'price',
  active: true,
  billing_scheme: 'per_unit',
  created: 1_790_000_000,
  currency: 'jpy',
  custom_unit_amount: null,
  livemode: false,
  lookup_key: null,
  metadata: {},
  nickname: null,
  product: 'prod_1',
  recurring: null,
  tax_behavior: null,
  tiers_mode: null,
  transform_quantity: null,
  type: 'one_time',
  unit_amount: 900,
  unit_amount_decimal: Stripe.Decimal.from('900'),
};

describe('toProductRow', () => {
  it('says which project may take the product; none where Stripe names none', () => {
    expect(toProductRow(product)).toEqual({
      id: 'prod_1',
      name: 'Pro',
      description: null,
      active: true,
      deleted: false,
      claimedBy: 'notes',
    });
    expect(toProductRow({ ...product, metadata: {} }).claimedBy).toBeNull();
  });

  it('leaves only the id of a deleted product', () => {
    const deleted = { id: 'prod_1', object: 'product', deleted: true } as const;
    expect(toProductRow(deleted)).toEqual({ id: 'prod_1', deleted: true });
  });
});

describe('toPriceRow', () => {
  it('keeps amounts in minor units, as whole numbers and as decimal text', () => {
    expect(toPriceRow(price)).toMatchObject({ unitAmount: 900n, unitAmountDecimal: '900' });
    const fraction = {
      ...price,
      unit_amount: null,
      unit_amount_decimal: Stripe.Decimal.from('0.000000000001'),
    };
    expect(toPriceRow(fraction)).toMatchObject({
      unitAmount: null,
      unitAmountDecimal: '0.000000000001',
    });
  });

  it('has no amount where tiers decide it', () => {
    const tiered = {
      ...price,
      tiers_mode: 'graduated',
      unit_amount: null,
      unit_amount_decimal: null,
    };
    expect(toPriceRow(tiered)).toMatchObject({
      unitAmount: null,
      unitAmountDecimal: null,
      tiersMode: 'graduated',
    });
  });

  it('names the product whether or not it is expanded', () => {
    expect(toPriceRow(price).productId).toBe('prod_1');
    expect(toPriceRow({ ...price, product }).productId).toBe('prod_1');
  });

  it('maps the interval of a recurring price', () => {
    const recurring = {
      interval: 'month',
      interval_count: 3,
      meter: null,
      trial_period_days: null,
      usage_type: 'metered',
    };
    expect(toPriceRow({ ...price, type: 'recurring', recurring })).toMatchObject({
      type: 'recurring',
      interval: 'month',
      intervalCount: 3,
      usageType: 'metered',
    });
  });
});

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
