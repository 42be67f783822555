/**
 * A queue of waiting items per lane. Items are drawn round-robin, one from each lane, so that a long queue
 * delays no other lane. Pure.
 */
export class Lanes<Item> {
  /** Lanes with items, the next one to draw from first. */
  readonly #lines = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns the number of items that wait in a lane. */
  sizeOf(lane: string): number {
    return this.#lines.get(lane)?.size ?? 0;
  }

  /** Puts an item at the end of its lane. */
  add(lane: string, item: Item): void {
    const line = this.#lines.get(lane) ?? new Set();
    this.#lines.set(lane, line.add(item));
    this.#size += 1;
  }

  /** Removes an item that no longer waits. */
  delete(lane: string, item: Item): void {
    const line = this.#lines.get(lane);
    if (line?.delete(item) !== true) return;
    this.#size -= 1;
    if (line.size === 0) this.#lines.delete(lane);
  }

  /**
   * Draws the next item. Returns undefined if no item waits, or none may be drawn.
   *
   * @param mayDraw whether a lane's first item may be drawn now; by default any may.
   */
  draw(mayDraw: (lane: string, first: Item) => boolean = () => true): Item | undefined {
    for (const [lane, line] of this.#lines) {
      const [first] = line;
      if (first === undefined || !mayDraw(lane, first)) continue;
      this.delete(lane, first);
      // Moves the lane to the end, because the others are next.
      this.#lines.delete(lane);
      if (line.size > 0) this.#lines.set(lane, line);
      return first;
    }
    return undefined;
  }
}
