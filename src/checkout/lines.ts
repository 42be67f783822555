import { loadSellablePrice, type SellablePrice } from '../catalog/store.ts';
import { ProblemError } from '../http/problem.ts';
import type { Database } from '../platform/database.ts';

export interface RequestedLine {
  priceId: string;
  /** The request field that names the price: `price_id`, or `line_items[0].price_id`. */
  field: string;
  /** From 1 to 999. */
  quantity: number;
}

/** A line of a checkout, with its price from the project's catalog. */
export interface Line extends SellablePrice {
  quantity: number;
  /** Whether the price is metered. A metered price has no quantity in Stripe. */
  metered: boolean;
}

export type Mode = 'subscription' | 'payment';

/**
 * Loads the lines of a checkout.
 *
 * @throws ProblemError price_not_found, price_inactive for the first line that cannot be sold; bad_request if
 *   two lines are plans of one group.
 */
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
  for (const { priceId, field, quantity } of requested) {
    const price = await loadSellablePrice(database, projectId, priceId, field);
    lines.push({ ...price, quantity, metered: metered.some(({ id }) => id === priceId) });
  }
  refuseTwoPlans(lines, requested);
  return lines;
}

/** @throws ProblemError bad_request if two lines are plans of one group. */
function refuseTwoPlans(lines: readonly Line[], requested: readonly RequestedLine[]): void {
  const recurring = lines.map(({ group, type }) => (type === 'recurring' ? group : null));
  const second = recurring.findIndex(
    (group, at) => group !== null && recurring.indexOf(group) < at,
  );
  if (second === -1) return;
  throw new ProblemError('bad_request', undefined, [
    {
      path: requested[second]?.field ?? '',
      message: `is a second plan of the group \`${recurring[second] ?? ''}\`: a subscription has one`,
    },
  ]);
}

/**
 * Returns the mode of a checkout. A recurring line makes it a subscription, which may also include one-time
 * lines.
 */
export function computeMode(lines: readonly Line[]): Mode {
  return lines.some(({ type }) => type === 'recurring') ? 'subscription' : 'payment';
}
