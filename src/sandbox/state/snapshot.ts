import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyTables, type Tables } from './tables.ts';
import type { World } from './world.ts';

const version = 1;
const quietMs = 200;

interface Snapshot {
  version: typeof version;
  offsetMs: number;
  dunning: World['dunning'];
  /** Absent in files written before the sandbox had taxes. */
  taxPercent?: number | null;
  tables: { [K in keyof Tables]: [string, unknown][] };
}

/** Stores the state in a file, so that development data survives a restart. */
export class SnapshotFile {
  readonly #file: string;
  readonly #world: World;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, world: World) {
    this.#file = file;
    this.#world = world;
  }

  /** Loads the state from the file, if it exists. Throws if it is not a snapshot. */
  load(): void {
    if (!existsSync(this.#file)) {
      return;
    }
    const snapshot: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
    if (!isSnapshot(snapshot)) {
      throw new Error(
        `${this.#file} is not a sandbox snapshot of version ${version}. Delete it or use another state file.`,
      );
    }
    this.#world.clock.offsetMs = snapshot.offsetMs;
    this.#world.dunning = snapshot.dunning;
    this.#world.taxPercent = snapshot.taxPercent ?? null;
    for (const [name, table] of Object.entries(this.#world.tables)) {
      const rows = Object.entries(snapshot.tables).find(([key]) => key === name)?.[1] ?? [];
      // The rows were written from these tables, so their types match.
      const target: Map<string, unknown> = table;
      target.clear();
      for (const [id, row] of rows) {
        target.set(id, row);
      }
    }
  }

  /** Schedules a write, so that many consecutive changes are written together. */
  schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, quietMs);
  }

  /** Writes the file now, and replaces it atomically. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { clock, dunning, tables, taxPercent } = this.#world;
    const snapshot = {
      version,
      offsetMs: clock.offsetMs,
      dunning,
      taxPercent,
      tables: Object.fromEntries(
        Object.entries(tables).map(([name, table]) => [name, [...table.entries()]]),
      ),
    };
    mkdirSync(path.dirname(this.#file), { recursive: true });
    writeFileSync(`${this.#file}.new`, JSON.stringify(snapshot));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function isSnapshot(value: unknown): value is Snapshot {
  return (
    typeof value === 'object' &&
    value !== null &&
    'version' in value &&
    value.version === version &&
    'tables' in value &&
    typeof value.tables === 'object' &&
    value.tables !== null &&
    Object.keys(value.tables).every((name) => name in emptyTables())
  );
}
