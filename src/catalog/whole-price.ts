import type Stripe from 'stripe';

/*
 * Prices with all that tells what they cost. Stripe leaves other currencies out unless they are asked
 * for, and tiers; those of other currencies can be asked for by their names only.
 */

export const priceExpansion = ['currency_options'];

/** @throws what the SDK throws. */
export async function retrievePrice(stripe: Stripe, id: string): Promise<Stripe.Price> {
  return withTiers(stripe, await stripe.prices.retrieve(id, { expand: priceExpansion }));
}

/** A price that was asked for with `priceExpansion`; one more request where it is tiered. */
export async function withTiers(stripe: Stripe, price: Stripe.Price): Promise<Stripe.Price> {
  if (price.tiers_mode === null) return price;
  const currencies = Object.keys(price.currency_options ?? {});
  const expand = ['tiers', ...currencies.map((currency) => `currency_options.${currency}.tiers`)];
  return stripe.prices.retrieve(price.id, { expand });
}
