import { describe, expect, it } from 'vitest';
import { dayFiguresSchema, readDayFigures, toDayFigures } from '../../../src/reporting/schemas.ts';

const most = Number.MAX_SAFE_INTEGER;

describe('an amount beyond what a JSON number says exactly', () => {
  it.each([
    [BigInt(most), most],
    [BigInt(most) + 1n, most],
    [10n ** 20n, most],
    [-(10n ** 20n), -most],
  ])('%s is reported as %s, so the other figures stay available', (amount, reported) => {
    const sums = { gross: amount, refunded: 0n, disputed: 0n, net: amount };
    const figures = toDayFigures(undefined, {
      movement: { started: 1, churned: 0, reactivated: 0, trialing: 0 },
      revenue: new Map([['usd', sums]]),
      payments: { failed: 0, recovered: 0 },
      usage: new Map([['credits', { used: amount, reversed: 0n, users: 1 }]]),
    });
    expect(figures.usage).toEqual({ credits: { used: reported, reversed: 0, users: 1 } });
    expect(figures.revenue).toEqual({
      usd: { gross: reported, refunded: 0, disputed: 0, net: reported },
    });
    expect(dayFiguresSchema.parse(figures)).toEqual(figures);
  });
});

describe('a stored day', () => {
  /** A row of release 0.1.0: it never changes, so a figure that is added must be nullable. */
  const first = {
    subscriptions: {
      ...{ by_status: { active: 2 }, by_product: { prod_1: 2 }, by_price: { price_1: 2 } },
      ...{ new: 1, churned: 0, reactivated: 0, trialing: 0 },
    },
    mrr: { usd: 1_000 },
    mrr_apart: { trialing: {}, paused: {}, unpriced_items: 0 },
    entitled_users: { export: 2 },
    grants_in_force: 3,
    revenue: { usd: { gross: 500, refunded: 0, disputed: 0, net: 500 } },
    payments: { failed: 0, recovered: 0 },
  };

  it('of the first release is read by this one, whatever figures came later', () => {
    expect(readDayFigures(first)).toMatchObject(first);
  });

  it('of the first release is shown with its keys in the same order', () => {
    const { usage, ...shown } = readDayFigures(first);
    expect(JSON.stringify(shown)).toBe(JSON.stringify(first));
    expect(usage).toBeNull();
  });

  it('that lacks figures is read with null for them, inside of groups too', () => {
    const { mrr_apart, ...rest } = first;
    const { by_price, ...subscriptions } = first.subscriptions;
    expect(readDayFigures({ ...rest, subscriptions })).toEqual({
      ...first,
      mrr_apart: null,
      usage: null,
      subscriptions: { ...first.subscriptions, by_price: null },
    });
  });

  it('that lacks a figure which cannot be unknown is refused', () => {
    const { revenue, ...rest } = first;
    expect(() => readDayFigures(rest)).toThrow('revenue');
  });
});
