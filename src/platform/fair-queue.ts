/**
 * A queue that draws round-robin from its tenants, so that a tenant with many items does not delay the
 * others. Pure.
 */
export class FairQueue<Item> {
  /** The items of each tenant that has any. The order of tenants is the order of the next draws. */
  readonly #queues = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns how many items a tenant has. */
  sizeOf(tenant: string): number {
    return this.#queues.get(tenant)?.size ?? 0;
  }

  /** Adds an item after the tenant's other items. */
  add(tenant: string, item: Item): void {
    const queue = this.#queues.get(tenant) ?? new Set();
    this.#queues.set(tenant, queue.add(item));
    this.#size += 1;
  }

  /** Removes an item, if it is still in the queue. */
  delete(tenant: string, item: Item): void {
    const queue = this.#queues.get(tenant);
    if (queue?.delete(item) !== true) return;
    this.#size -= 1;
    if (queue.size === 0) this.#queues.delete(tenant);
  }

  /**
   * Removes and returns the next item; undefined if the queue is empty or no item may be drawn.
   *
   * @param mayDraw returns whether a tenant's first item may be drawn now. By default, any may.
   */
  draw(mayDraw: (tenant: string, first: Item) => boolean = () => true): Item | undefined {
    for (const [tenant, queue] of this.#queues) {
      const [first] = queue;
      if (first === undefined || !mayDraw(tenant, first)) continue;
      this.delete(tenant, first);
      this.#queues.delete(tenant);
      if (queue.size > 0) this.#queues.set(tenant, queue);
      return first;
    }
    return undefined;
  }
}
