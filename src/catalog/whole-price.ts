import type Stripe from 'stripe';

/*
 * Prices with all their tiers and currencies. Stripe leaves out other currencies and tiers unless they are
 * expanded; tiers of other currencies can only be expanded by the name of the currency.
 */

export const priceExpansion = ['currency_options'];

/**
 * Fetches a price with all its tiers and currencies.
 *
 * @throws errors of the SDK.
 */
export async function retrievePrice(stripe: Stripe, id: string): Promise<Stripe.Price> {
  return withTiers(stripe, await stripe.prices.retrieve(id, { expand: priceExpansion }));
}

/** Completes a price that was fetched with `priceExpansion`; a tiered price costs one more request. */
export async function withTiers(stripe: Stripe, price: Stripe.Price): Promise<Stripe.Price> {
  if (price.tiers_mode === null) return price;
  const currencies = Object.keys(price.currency_options ?? {});
  const expand = ['tiers', ...currencies.map((currency) => `currency_options.${currency}.tiers`)];
  return stripe.prices.retrieve(price.id, { expand });
}
