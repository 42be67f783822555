interface Row {
  id: string;
}

/** Bounds on a timestamp, in epoch seconds. */
export interface Bounds {
  gt?: number | undefined;
  gte?: number | undefined;
  lt?: number | undefined;
  lte?: number | undefined;
}

export interface Walk {
  /** The id of the row to start after. By default, starts with the first row. */
  after?: string | undefined;
  /** Whether to walk toward newer rows. */
  newer?: boolean;
  created?: Bounds | undefined;
}

/**
 * Stores objects by id, indexed by creation time and by the keys of each table, so that a page costs the same
 * at any table size. Rows whose `created` is equal or missing keep the order of insertion. After an indexed
 * field changes, the row must be `set` again.
 */
export class Table<T extends Row, K extends string = never> extends Map<string, T> {
  readonly #indexes: ReadonlyMap<string, Index<T>>;
  /** Rows in ascending order of creation while `#sorted` is true. Each deleted row leaves a hole. */
  #order: (T | undefined)[] = [];
  #positions = new Map<string, number>();
  #sorted = true;
  /** Called with each row that is set. */
  onSet: (row: T) => void = () => undefined;

  /** @param keys return a row's key in each index, or null to leave the row out of the index. */
  constructor(keys: Record<K, (row: T) => string | null | undefined>) {
    super();
    this.#indexes = new Map(
      Object.entries<(row: T) => string | null | undefined>(keys).map(([name, keyOf]) => [
        name,
        new Index(keyOf),
      ]),
    );
  }

  override set(id: string, row: T): this {
    const position = this.#positions.get(id);
    super.set(id, row);
    if (position === undefined) {
      const last = this.#order.at(-1);
      this.#sorted &&= last === undefined || createdOf(last) <= createdOf(row);
      this.#positions.set(id, this.#order.length);
      this.#order.push(row);
    } else {
      this.#order[position] = row;
    }
    for (const index of this.#indexes.values()) {
      index.file(row);
    }
    this.onSet(row);
    return this;
  }

  override delete(id: string): boolean {
    const position = this.#positions.get(id);
    const row = this.get(id);
    if (position === undefined || row === undefined) {
      return false;
    }
    this.#order[position] = undefined;
    this.#positions.delete(id);
    for (const index of this.#indexes.values()) {
      index.remove(row);
    }
    if (this.#order.length > 2 * this.size + 16) {
      this.#arrange();
    }
    return super.delete(id);
  }

  override clear(): void {
    super.clear();
    this.#order = [];
    this.#positions.clear();
    this.#sorted = true;
    for (const index of this.#indexes.values()) {
      index.clear();
    }
  }

  /** Returns the rows with a key in an index, in the order in which they got that key. */
  where(index: K, key: string | null | undefined): T[] {
    return this.#indexes.get(index)?.rows(key ?? '') ?? [];
  }

  /** Yields rows in order of creation, newest first by default. `after` must be the id of an existing row. */
  *walk({ after, newer = false, created = {} }: Walk = {}): Generator<T> {
    this.#arrange();
    const step = newer ? 1 : -1;
    const [first, end] = this.#span(created);
    const start = after === undefined ? undefined : (this.#positions.get(after) ?? 0) + step;
    let position = newer ? Math.max(start ?? first, first) : Math.min(start ?? end - 1, end - 1);
    for (; position >= first && position < end; position += step) {
      const row = this.#order[position];
      if (row !== undefined) {
        yield row;
      }
    }
  }

  /** Returns the given rows in order of creation, newest first by default. */
  walkAmong(rows: readonly T[], { after, newer = false }: Walk): T[] {
    this.#arrange();
    const positionOf = ({ id }: Row): number => this.#positions.get(id) ?? 0;
    const cut = after === undefined ? undefined : (this.#positions.get(after) ?? 0);
    return rows
      .filter((row) => {
        const position = positionOf(row);
        return cut === undefined || (newer ? position > cut : position < cut);
      })
      .sort((left, right) => (positionOf(left) - positionOf(right)) * (newer ? 1 : -1));
  }

  /** Returns the half-open range of positions within the bounds. */
  #span({ gt, gte, lt, lte }: Bounds): [number, number] {
    const first = Math.max(
      gte === undefined ? 0 : this.#firstFrom(gte),
      gt === undefined ? 0 : this.#firstFrom(gt + 1),
    );
    const end = Math.min(
      lt === undefined ? this.#order.length : this.#firstFrom(lt),
      lte === undefined ? this.#order.length : this.#firstFrom(lte + 1),
    );
    return [first, end];
  }

  /** Returns the position of the first row created at or after a timestamp. */
  #firstFrom(instant: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#createdAt(middle, high) < instant) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Returns the creation time of the row at a position. For a hole, that is the next row's. */
  #createdAt(position: number, end: number): number {
    for (let at = position; at < end; at += 1) {
      const row = this.#order[at];
      if (row !== undefined) {
        return createdOf(row);
      }
    }
    return Infinity;
  }

  /** Sorts rows that were inserted out of order, and closes the holes once there are many. */
  #arrange(): void {
    if (this.#sorted && this.#order.length <= 2 * this.size + 16) {
      return;
    }
    const rows = this.#order.filter((row) => row !== undefined);
    // The sort is stable: equal rows keep their order.
    rows.sort((left, right) => createdOf(left) - createdOf(right));
    this.#order = rows;
    this.#positions = new Map(rows.map(({ id }, position) => [id, position]));
    this.#sorted = true;
  }
}

/** Indexes rows by one key. */
class Index<T extends Row> {
  readonly #keyOf: (row: T) => string | null | undefined;
  readonly #rows = new Map<string, Map<string, T>>();
  readonly #filed = new Map<string, string>();

  constructor(keyOf: (row: T) => string | null | undefined) {
    this.#keyOf = keyOf;
  }

  file(row: T): void {
    const key = this.#keyOf(row) ?? undefined;
    if (key !== this.#filed.get(row.id)) {
      this.remove(row);
    }
    if (key === undefined) {
      return;
    }
    const rows = this.#rows.get(key);
    if (rows === undefined) {
      this.#rows.set(key, new Map([[row.id, row]]));
    } else {
      rows.set(row.id, row);
    }
    this.#filed.set(row.id, key);
  }

  remove({ id }: Row): void {
    const key = this.#filed.get(id);
    if (key === undefined) {
      return;
    }
    const rows = this.#rows.get(key);
    rows?.delete(id);
    if (rows?.size === 0) {
      this.#rows.delete(key);
    }
    this.#filed.delete(id);
  }

  rows(key: string): T[] {
    return [...(this.#rows.get(key)?.values() ?? [])];
  }

  clear(): void {
    this.#rows.clear();
    this.#filed.clear();
  }
}

function createdOf(row: Row): number {
  return 'created' in row && typeof row.created === 'number' ? row.created : 0;
}
