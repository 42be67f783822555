/** One object in the queue. */
interface Entry<T> {
  /** Epoch seconds. */
  at: number;
  /** Orders entries that are due at the same time, lowest first. Equal ranks keep the order of scheduling. */
  rank: number;
  sequence: number;
  item: T;
}

/**
 * A queue of due work. Changed items are only marked; their due times are computed when the queue is next
 * read, so that a change need not search all objects.
 */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = [];
  readonly #scheduled = new Map<T, number>();
  readonly #changed = new Set<T>();
  #sequence = 0;

  /** Marks an item whose due time may have changed. */
  touch(item: T): void {
    this.#changed.add(item);
  }

  /** Returns the items that were marked since the last call. */
  takeTouched(): T[] {
    const touched = [...this.#changed];
    this.#changed.clear();
    return touched;
  }

  /** Sets the time at which an item is due. Undefined means that nothing is due. */
  schedule(item: T, at: number | undefined, rank: number): void {
    if (at === undefined) {
      // `take` skips the outdated entry.
      this.#scheduled.delete(item);
    } else if (this.#scheduled.get(item) !== at) {
      this.#scheduled.set(item, at);
      this.#push({ at, rank, sequence: (this.#sequence += 1), item });
    }
  }

  /** Removes and returns the first item that is due at `now`, in epoch seconds. */
  take(now: number): T | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > now) {
        return undefined;
      }
      this.#pop();
      if (this.#scheduled.get(first.item) === first.at) {
        this.#scheduled.delete(first.item);
        return first.item;
      }
    }
  }

  clear(): void {
    this.#heap.length = 0;
    this.#scheduled.clear();
    this.#changed.clear();
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(entry, parent)) {
        break;
      }
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const entry = heap.pop();
    if (entry === undefined || heap.length === 0) {
      return;
    }
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const [low, high] = [heap[left], heap[right]];
      const child = high !== undefined && low !== undefined && before(high, low) ? right : left;
      const next = heap[child];
      if (next === undefined || !before(next, entry)) {
        break;
      }
      heap[index] = next;
      index = child;
    }
    heap[index] = entry;
  }
}

function before(left: Entry<unknown>, right: Entry<unknown>): boolean {
  if (left.at !== right.at) {
    return left.at < right.at;
  }
  return left.rank === right.rank ? left.sequence < right.sequence : left.rank < right.rank;
}
