import { loadSellablePrice, type SellablePrice } from '../catalog/store.ts';
import type { Database } from '../platform/database.ts';

export interface RequestedLine {
  priceId: string;
  /** 1 to 999. */
  quantity: number;
}

/** A line of a checkout, its price resolved through the project's catalog. */
export interface Line extends SellablePrice {
  quantity: number;
  /** Billed by what is used: has no quantity at Stripe. */
  metered: boolean;
}

export type Mode = 'subscription' | 'payment';

/** @throws ProblemError price_not_found, price_inactive: of the first line that cannot be sold */
export async function loadLines(
  database: Database,
  projectId: string,
  requested: readonly RequestedLine[],
): Promise<Line[]> {
  const metered = await database.prisma.price.findMany({
    where: { id: { in: requested.map(({ priceId }) => priceId) }, usageType: 'metered' },
    select: { id: true },
  });
  const lines: Line[] = [];
  for (const { priceId, quantity } of requested) {
    const price = await loadSellablePrice(database, projectId, priceId);
    lines.push({ ...price, quantity, metered: metered.some(({ id }) => id === priceId) });
  }
  return lines;
}

/** One recurring line makes it a subscription, which may have one-time lines beside it. */
export function computeMode(lines: readonly Line[]): Mode {
  return lines.some(({ type }) => type === 'recurring') ? 'subscription' : 'payment';
}

/** The products that one user may subscribe to only once. */
export function soleProducts(lines: readonly Line[]): string[] {
  const sole = lines.filter(({ type, allowMultiple }) => type === 'recurring' && !allowMultiple);
  return [...new Set(sole.map(({ productId }) => productId))];
}
