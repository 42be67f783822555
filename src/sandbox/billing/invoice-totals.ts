import { discountOn, type AppliedDiscount } from './discount.ts';

/** A line of which discounts and taxes are computed. */
export interface PlainLine {
  amount: number;
  /** Whether discounts reduce the line. They already reduced the amount of a proration. */
  discountable: boolean;
  /** Fixed discounts of a proration whose amount does not contain them. */
  discounts: readonly DiscountAmount[];
}

export interface DiscountAmount {
  discount: string;
  amount: number;
}

interface InvoiceTotals {
  subtotal: number;
  /** The discounts of each line. */
  lineDiscounts: DiscountAmount[][];
  /** The tax of each line, or null without taxes. Negative for a credit. */
  lineTaxes: (number | null)[];
  discounts: DiscountAmount[];
  tax: number | null;
  total: number;
}

/**
 * Returns an invoice's totals. Discounts apply one after the other, each spread over the lines in proportion
 * to their amounts. A tax is added to each line after its discounts
 * (docs.stripe.com/billing/taxes/tax-rates, docs.stripe.com/billing/subscriptions/coupons).
 */
export function totalsOf(
  lines: readonly PlainLine[],
  discounts: readonly AppliedDiscount[],
  taxPercent: number | null,
): InvoiceTotals {
  const lineDiscounts = discountLines(lines, discounts);
  const nets = lines.map(({ amount }, index) => amount - sumOf(lineDiscounts[index] ?? []));
  const lineTaxes = nets.map((net) =>
    taxPercent === null ? null : Math.round((net * taxPercent) / 100),
  );
  const tax =
    taxPercent === null ? null : lineTaxes.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return {
    subtotal: lines.reduce((sum, { amount }) => sum + amount, 0),
    lineDiscounts,
    lineTaxes,
    discounts: totalsByDiscount(lineDiscounts.flat()),
    tax,
    total: nets.reduce((sum, net) => sum + net, 0) + (tax ?? 0),
  };
}

/**
 * Returns each line's discounts. The shares of one discount add up to exactly the discount on all discountable
 * lines together.
 */
export function discountLines(
  lines: readonly PlainLine[],
  discounts: readonly AppliedDiscount[],
): DiscountAmount[][] {
  const shares: DiscountAmount[][] = lines.map((line) => [...line.discounts]);
  const left = lines.map(({ amount, discountable }) => (discountable ? Math.max(0, amount) : 0));
  for (const { id, coupon } of discounts) {
    const base = left.reduce((sum, amount) => sum + amount, 0);
    const off = discountOn(base, coupon);
    let passed = 0;
    let given = 0;
    for (const [index, amount] of left.entries()) {
      if (lines[index]?.discountable === true) {
        passed += amount;
        const share = (base === 0 ? 0 : Math.round((off * passed) / base)) - given;
        given += share;
        left[index] = amount - share;
        shares[index]?.push({ discount: id, amount: share });
      }
    }
  }
  return shares;
}

export function sumOf(amounts: readonly { amount: number }[]): number {
  return amounts.reduce((sum, { amount }) => sum + amount, 0);
}

function totalsByDiscount(amounts: readonly DiscountAmount[]): DiscountAmount[] {
  const totals = new Map<string, number>();
  for (const { discount, amount } of amounts) {
    totals.set(discount, (totals.get(discount) ?? 0) + amount);
  }
  return [...totals].map(([discount, amount]) => ({ discount, amount }));
}
