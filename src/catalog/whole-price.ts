import type Stripe from 'stripe';

/*
 * Prices with all their tiers and currencies. Stripe returns other currencies and tiers only if they are
 * expanded. The tiers of another currency can be expanded only under that currency's name.
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

/** Completes a price that was fetched with `priceExpansion`. A tiered price costs one more request. */
export async function withTiers(stripe: Stripe, price: Stripe.Price): Promise<Stripe.Price> {
  if (price.tiers_mode === null) return price;
  const currencies = Object.keys(price.currency_options ?? {});
  const expand = ['tiers', ...currencies.map((currency) => `currency_options.${currency}.tiers`)];
  return stripe.prices.retrieve(price.id, { expand });
}
