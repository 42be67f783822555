import { loadDatabaseIdentity } from '../entitlements/read/database-identity.ts';
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/logger.ts';
import type { Redis } from '../platform/redis.ts';
import { loadChanges, loadFeedState, type PublishedChange } from './load-changes.ts';
import { publishChanges } from './publish.ts';
import { createWakeUps } from './wake-ups.ts';

/**
 * Maximum number of changes that readers get in one turn of the event loop, so that their sockets can send in
 * between.
 */
const pageSize = 200;

/** Receives each published change once, in the order of the feed. */
type FeedReader = (changes: readonly PublishedChange[]) => void;

/** The feed of changes in this process: publishes committed changes, and wakes the waiting readers. */
export interface Feed {
  /** Publishes soon, after a change was committed. */
  wake(): void;
  /** Publishes, and passes new changes to the readers. */
  look(): Promise<void>;
  /** Returns the id of the database, which cursors contain. */
  database(): Promise<string>;
  /**
   * Adds a reader, which gets every change after the returned position once it is published.
   */
  follow(reader: FeedReader): Promise<{ position: () => bigint; leave: () => void }>;
  stop(): Promise<void>;
}

export interface FeedDeps {
  database: Database;
  redis: Redis | null;
  logger: Logger;
}

/**
 * Creates the feed. Instances wake each other over Redis, but every change is read from Postgres, which each
 * instance also polls once a second.
 */
export function createFeed(deps: FeedDeps): Feed {
  const { database, logger } = deps;
  const readers = new Set<FeedReader>();
  let position: bigint | undefined;
  let identity: string | undefined;
  let isDue = false;
  let stopped = false;
  let running: Promise<void> | undefined;
  const wakeUps = createWakeUps(deps.redis, wake);

  async function loadIdentity(): Promise<string> {
    identity ??= await loadDatabaseIdentity(database);
    return identity;
  }

  async function look(): Promise<void> {
    const last = await publishChanges(database);
    wakeUps.listen(await loadIdentity());
    if (position !== undefined && last > position) wakeUps.announce(last);
    position ??= last;
    while (position < last) {
      // Without readers, no change has to be read.
      if (readers.size === 0) position = last;
      else position = await handOut(position, last);
    }
  }

  async function handOut(after: bigint, last: bigint): Promise<bigint> {
    const page = await loadChanges(database, { projectId: null }, { after, last, limit: pageSize });
    for (const reader of readers) reader(page.changes);
    return page.position;
  }

  async function run(): Promise<void> {
    try {
      while (isDue && !stopped) {
        isDue = false;
        await look();
      }
    } finally {
      running = undefined;
    }
  }

  function wake(): void {
    isDue = true;
    running ??= run().catch((error: unknown) => {
      logger.warn({ err: error }, 'could not publish changes; retrying within a second');
    });
  }

  return {
    wake,
    look() {
      wake();
      return running ?? Promise.resolve();
    },
    database: loadIdentity,
    async follow(reader) {
      position ??= (await loadFeedState(database)).last;
      const from = position;
      readers.add(reader);
      return { position: () => position ?? from, leave: () => readers.delete(reader) };
    },
    async stop() {
      stopped = true;
      await running;
      wakeUps.stop();
    },
  };
}
