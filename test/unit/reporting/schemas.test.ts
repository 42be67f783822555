import { describe, expect, it } from 'vitest';
import { dayFiguresSchema, presentDay } from '../../../src/reporting/schemas.ts';

const most = Number.MAX_SAFE_INTEGER;

describe('an amount beyond what a JSON number says exactly', () => {
  it.each([
    [BigInt(most), most],
    [BigInt(most) + 1n, most],
    [10n ** 20n, most],
    [-(10n ** 20n), -most],
  ])('%s is told as %s, so that it keeps nobody from the other figures', (amount, told) => {
    const sums = { gross: amount, refunded: 0n, disputed: 0n, net: amount };
    const figures = presentDay(undefined, {
      movement: { started: 1, churned: 0, reactivated: 0, trialing: 0 },
      revenue: new Map([['usd', sums]]),
      payments: { failed: 0, recovered: 0 },
    });
    expect(figures.revenue).toEqual({ usd: { gross: told, refunded: 0, disputed: 0, net: told } });
    expect(dayFiguresSchema.parse(figures)).toEqual(figures);
  });
});
