/**
 * A priority queue over a fixed list. `first` returns the item that is earliest in the list among those added
 * and not removed. A removed item stays in the heap until it reaches the top.
 */
export interface PriorityQueue<T> {
  add(item: T): void;
  remove(item: T): void;
  /** Null if the queue is empty. */
  first(): T | null;
}

/**
 * Creates an empty queue. Its operations have amortized logarithmic cost.
 *
 * @param inOrder all items that may be added, highest priority first.
 */
export function createPriorityQueue<T>(inOrder: readonly T[]): PriorityQueue<T> {
  const positionOf = new Map(inOrder.map((item, position) => [item, position]));
  const present = new Set<number>();
  const heap: number[] = [];

  function at(index: number): number {
    return heap[index] ?? Infinity;
  }

  function swap(a: number, b: number): void {
    [heap[a], heap[b]] = [at(b), at(a)];
  }

  function push(position: number): void {
    let index = heap.push(position) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (at(above) <= at(index)) return;
      swap(above, index);
      index = above;
    }
  }

  function pop(): void {
    swap(0, heap.length - 1);
    heap.pop();
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const least = at(left + 1) < at(left) ? left + 1 : left;
      if (at(index) <= at(least)) return;
      swap(index, least);
      index = least;
    }
  }

  return {
    add(item) {
      const position = positionOf.get(item);
      if (position === undefined || present.has(position)) return;
      present.add(position);
      push(position);
    },
    remove(item) {
      const position = positionOf.get(item);
      if (position !== undefined) present.delete(position);
    },
    first() {
      while (heap.length > 0 && !present.has(at(0))) pop();
      return inOrder[at(0)] ?? null;
    },
  };
}
