import type { SellablePrice } from '../catalog/store.ts';
import type { Tx } from '../platform/database.ts';

/** A price, as far as it decides what else a user may subscribe to. */
export type SoldPrice = Pick<SellablePrice, 'type' | 'productId' | 'allowMultiple' | 'group'>;

/**
 * Loads the products to which a user with one of these prices may have no other subscription: the price's own
 * product, unless it allows several, and all products of its group.
 */
export async function loadExclusiveProducts(
  tx: Tx,
  projectId: string,
  prices: readonly SoldPrice[],
): Promise<string[]> {
  const exclusive = prices.filter(
    ({ type, allowMultiple }) => type === 'recurring' && !allowMultiple,
  );
  const groups = exclusive.flatMap(({ group }) => group ?? []);
  const ofGroups =
    groups.length === 0
      ? []
      : await tx.product.findMany({
          where: { projectId, groupName: { in: groups } },
          select: { id: true },
        });
  return [
    ...new Set([...exclusive.map(({ productId }) => productId), ...ofGroups.map(({ id }) => id)]),
  ];
}
