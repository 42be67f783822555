/**
 * Items that wait, in a line of their own per lane; they are drawn round-robin, one from each lane, so that
 * a long line delays no other lane. Pure.
 */
export class Lanes<Item> {
  /** Lanes with items, the one whose turn is next first. */
  readonly #lines = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns how many items wait in a lane. */
  sizeOf(lane: string): number {
    return this.#lines.get(lane)?.size ?? 0;
  }

  /** Puts an item at the end of its lane. */
  add(lane: string, item: Item): void {
    const line = this.#lines.get(lane) ?? new Set();
    this.#lines.set(lane, line.add(item));
    this.#size += 1;
  }

  /** Takes an item out that no longer waits. */
  delete(lane: string, item: Item): void {
    const line = this.#lines.get(lane);
    if (line?.delete(item) !== true) return;
    this.#size -= 1;
    if (line.size === 0) this.#lines.delete(lane);
  }

  /**
   * Draws the next item, or undefined where none waits or none may be drawn.
   *
   * @param mayDraw whether a lane's first item may be drawn now; by default each may.
   */
  draw(mayDraw: (lane: string, first: Item) => boolean = () => true): Item | undefined {
    for (const [lane, line] of this.#lines) {
      const [first] = line;
      if (first === undefined || !mayDraw(lane, first)) continue;
      this.delete(lane, first);
      // Behind the others, whose turn it is now.
      this.#lines.delete(lane);
      if (line.size > 0) this.#lines.set(lane, line);
      return first;
    }
    return undefined;
  }
}
