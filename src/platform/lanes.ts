/**
 * A queue of waiting items per lane. Items are drawn round-robin, one from each lane, so that a long queue
 * delays no other lane. Pure.
 */
export class Lanes<Item> {
  /** Lanes with items, the next one to draw from first. */
  readonly #queues = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns the number of items that wait in a lane. */
  sizeOf(lane: string): number {
    return this.#queues.get(lane)?.size ?? 0;
  }

  /** Puts an item at the end of its lane. */
  add(lane: string, item: Item): void {
    const queue = this.#queues.get(lane) ?? new Set();
    this.#queues.set(lane, queue.add(item));
    this.#size += 1;
  }

  /** Removes an item that no longer waits. */
  delete(lane: string, item: Item): void {
    const queue = this.#queues.get(lane);
    if (queue?.delete(item) !== true) return;
    this.#size -= 1;
    if (queue.size === 0) this.#queues.delete(lane);
  }

  /**
   * Draws the next item. Returns undefined if no item waits, or none may be drawn.
   *
   * @param mayDraw whether a lane's first item may be drawn now; by default any may.
   */
  draw(mayDraw: (lane: string, first: Item) => boolean = () => true): Item | undefined {
    for (const [lane, queue] of this.#queues) {
      const [first] = queue;
      if (first === undefined || !mayDraw(lane, first)) continue;
      this.delete(lane, first);
      // Moves the lane to the end, because the others are next.
      this.#queues.delete(lane);
      if (queue.size > 0) this.#queues.set(lane, queue);
      return first;
    }
    return undefined;
  }
}
