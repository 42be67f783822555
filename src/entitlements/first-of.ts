/**
 * Those of a fixed list that are there at the moment, of which the first in the list's order is asked
 * for: a heap of places, from which what has left goes when it comes to the top.
 */
export interface FirstOf<T> {
  add(item: T): void;
  remove(item: T): void;
  /** Null where none is there. */
  first(): T | null;
}

/** @param inOrder each once; only these can be added. Every operation takes logarithmic time. */
export function createFirstOf<T>(inOrder: readonly T[]): FirstOf<T> {
  const placeOf = new Map(inOrder.map((item, place) => [item, place]));
  const present = new Set<number>();
  const heap: number[] = [];

  function at(index: number): number {
    return heap[index] ?? Infinity;
  }

  function swap(a: number, b: number): void {
    [heap[a], heap[b]] = [at(b), at(a)];
  }

  function push(place: number): void {
    let index = heap.push(place) - 1;
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
      const place = placeOf.get(item);
      if (place === undefined || present.has(place)) return;
      present.add(place);
      push(place);
    },
    remove(item) {
      const place = placeOf.get(item);
      if (place !== undefined) present.delete(place);
    },
    first() {
      while (heap.length > 0 && !present.has(at(0))) pop();
      return inOrder[at(0)] ?? null;
    },
  };
}
