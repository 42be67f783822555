/*
 * The number of decimals in Stripe's amounts, by currency (https://docs.stripe.com/currencies, "Minor units
 * in API amounts"). ISK and UGX have two, because Stripe still expresses them in hundredths.
 */

const withoutDecimals: ReadonlySet<string> = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);
const withThreeDecimals: ReadonlySet<string> = new Set('bhd jod kwd omr tnd'.split(' '));

function decimalsOf(currency: string): number {
  return withoutDecimals.has(currency) ? 0 : withThreeDecimals.has(currency) ? 3 : 2;
}

/** Formats minor units in the usual notation: 4200 is `42.00` in usd, `4200` in jpy and `4.200` in kwd. */
export function inMajorUnits(amount: bigint, currency: string): string {
  const decimals = decimalsOf(currency);
  if (decimals === 0) return amount.toString();
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  return `${amount < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}
