import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg';

export type SchemaEngine = engineModule.SchemaEngine;

/** The part of the global that is used here; Node's types lack it. */
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, Record<string, unknown>>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

const charOid = 18;
const textOid = 25;
const charMark = '\u0000char';

/**
 * Returns columns of Postgres' one-byte type `"char"` as text with a mark. The system catalog uses the type,
 * Prisma's adapter refuses it, and the engine expects a character.
 */
class CatalogClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.connection.on('rowDescription', (message: { fields: pg.FieldDef[] }) => {
      for (const field of message.fields) {
        if (field.dataTypeID !== charOid) continue;
        field.dataTypeID = textOid;
        field.name += charMark;
      }
    });
  }
}

/** Creates adapters that report marked columns with the type of a character. */
class CatalogAdapterFactory extends PrismaPg {
  readonly #connected: { dispose(): Promise<void> }[] = [];

  constructor(databaseUrl: string) {
    super({ connectionString: databaseUrl, Client: CatalogClient, allowExitOnIdle: true });
  }

  override async connect() {
    const adapter = await super.connect();
    this.#connected.push(adapter);
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const { columnNames, columnTypes, rows } = await queryRaw(query);
      const marked = columnNames.map((name) => name.endsWith(charMark));
      return {
        columnNames: columnNames.map((name) => name.replace(charMark, '')),
        columnTypes: columnTypes.map((type, i) => (marked[i] ? ColumnTypeEnum.Character : type)),
        rows,
      };
    };
    return adapter;
  }

  /** Closes the connections, which the engine leaves open. */
  async close(): Promise<void> {
    await Promise.all(this.#connected.splice(0).map((adapter) => adapter.dispose()));
  }
}

/** The engine needs at least one schema file to determine the provider. */
const datamodels = [
  ['schema.prisma', 'datasource db {\n  provider = "postgresql"\n}\n'],
] satisfies [string, string][];

let loaded: Promise<void> | undefined;

/**
 * Returns timers that do not keep the process alive: the engine bounds its wait for a lock by a timer of 10 s
 * that it never clears. The name of its `setTimeout` contains a hash.
 */
function timersThatHoldNothing(): Record<string, unknown> {
  const start = (callback: () => void, delayMs: number) => setTimeout(callback, delayMs).unref();
  return Object.fromEntries(
    Object.keys(engineModule)
      .filter((name) => name.startsWith('__wbg_setTimeout_'))
      .map((name) => [name, start]),
  );
}

/** Instantiates Prisma's schema engine once per process. */
async function loadEngine(): Promise<void> {
  const require = createRequire(import.meta.url);
  const wasmPath = require
    .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    .replace(/\.js$/, '.wasm');
  const { instance } = await WebAssembly.instantiate(await readFile(wasmPath), {
    './schema_engine_bg.js': { ...engineModule, ...timersThatHoldNothing() },
  });
  const start = instance.exports['__wbindgen_start'];
  if (typeof start !== 'function') {
    throw new Error('@prisma/schema-engine-wasm does not export __wbindgen_start');
  }
  engineModule.__wbg_set_wasm(instance.exports);
  // The engine reports the cause of a panic through this global, before the trap that ends the process.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message(message: string): void {
        process.stderr.write(`Prisma's schema engine panicked: ${message}\n`);
      },
    },
  });
  Reflect.apply(start, undefined, []);
}

/**
 * Opens Prisma's schema engine as WebAssembly on one database, and closes it after `use`. It needs no
 * downloaded binary (docs/adr/0002-migrations.md).
 */
export async function withSchemaEngine<T>(
  databaseUrl: string,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= loadEngine();
  await loaded;
  const factory = new CatalogAdapterFactory(databaseUrl);
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(factory);
    const engine = await engineModule.SchemaEngine.new({ datamodels }, () => undefined, adapter);
    try {
      return await use(engine);
    } finally {
      engine.free();
    }
  } finally {
    await factory.close();
  }
}
