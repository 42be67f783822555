/** An item of a subscription. */
export interface CurrentItem {
  id: string;
  priceId: string;
  productId: string;
  /** Null if the price is metered. */
  quantity: number | null;
}

/** An item that a subscription should have. */
export type TargetItem = Omit<CurrentItem, 'id'>;

/** What a request changes: all items, or one of them. */
export type RequestedChange =
  | { kind: 'all'; items: readonly TargetItem[] }
  /** A product or quantity that is undefined stays as it is. */
  | {
      kind: 'one';
      price: Omit<TargetItem, 'quantity'> | undefined;
      metered: boolean;
      quantity: number | undefined;
    };

/** An item to change or remove, or one to add if `current` is null. */
export interface ItemStep {
  current: CurrentItem | null;
  target: TargetItem | null;
}

/** An entry of `items` in a request to Stripe. */
export interface StripeItem {
  id?: string;
  price?: string;
  quantity?: number;
  deleted?: boolean;
}

/**
 * Returns all items that the subscription has after a change. A single price replaces the item of its product,
 * or the only one, and keeps the quantity unless the request names another.
 *
 * @param isSameGroup returns whether only one subscription of a user may have either of two products.
 * @returns null if the request does not say which of several items it changes.
 */
export function targetItems(
  current: readonly CurrentItem[],
  change: RequestedChange,
  isSameGroup: (one: string, other: string) => boolean,
): TargetItem[] | null {
  if (change.kind === 'all') return [...change.items];
  const { price, quantity, metered } = change;
  const replaced = replacedItem(current, price?.productId, isSameGroup);
  if (replaced === null) return null;
  const isUnit = price === undefined ? replaced.quantity !== null : !metered;
  return current.map((item) =>
    item !== replaced
      ? item
      : {
          ...item,
          ...price,
          quantity: isUnit ? (quantity ?? item.quantity ?? 1) : null,
        },
  );
}

function replacedItem(
  current: readonly CurrentItem[],
  productId: string | undefined,
  isSameGroup: (one: string, other: string) => boolean,
): CurrentItem | null {
  const fitting =
    productId === undefined ? [] : current.filter((item) => isSameGroup(item.productId, productId));
  const [first, ...more] = fitting.length === 0 ? current : fitting;
  return first !== undefined && more.length === 0 ? first : null;
}

/** Returns the steps from the current items to the target. Items are reused, so that they keep their ids. */
export function itemSteps(
  current: readonly CurrentItem[],
  target: readonly TargetItem[],
): ItemStep[] {
  const free = [...current];
  const open = new Set(target);
  const steps: ItemStep[] = [];
  const match = (fits: (item: CurrentItem, wanted: TargetItem) => boolean): void => {
    for (const wanted of [...open]) {
      const index = free.findIndex((item) => fits(item, wanted));
      const [item] = index < 0 ? [] : free.splice(index, 1);
      if (item === undefined) continue;
      open.delete(wanted);
      steps.push({ current: item, target: wanted });
    }
  };
  match((item, wanted) => item.priceId === wanted.priceId);
  match((item, wanted) => item.productId === wanted.productId);
  match(() => true);
  return [
    ...steps,
    ...[...open].map((wanted) => ({ current: null, target: wanted })),
    ...free.map((item) => ({ current: item, target: null })),
  ];
}

/** Returns the `items` of a request to Stripe that takes these steps. Empty if nothing changes. */
export function stripeItems(steps: readonly ItemStep[]): StripeItem[] {
  return steps.flatMap(({ current, target }): StripeItem[] => {
    if (target === null) return current === null ? [] : [{ id: current.id, deleted: true }];
    const quantity = target.quantity === null ? {} : { quantity: target.quantity };
    if (current === null) return [{ price: target.priceId, ...quantity }];
    return isUnchanged(current, target)
      ? []
      : [{ id: current.id, price: target.priceId, ...quantity }];
  });
}

/** Returns whether items are those of the target already. */
export function isReached(
  current: readonly Omit<CurrentItem, 'id' | 'productId'>[],
  target: readonly TargetItem[],
): boolean {
  const keys = (items: readonly Pick<CurrentItem, 'priceId' | 'quantity'>[]) =>
    items
      .map(({ priceId, quantity }) => `${priceId} ${quantity}`)
      .sort()
      .join('\n');
  return keys(current) === keys(target);
}

function isUnchanged(current: CurrentItem, target: TargetItem): boolean {
  return current.priceId === target.priceId && current.quantity === target.quantity;
}
