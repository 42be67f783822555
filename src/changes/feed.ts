import { setTimeout as pause } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { loadDatabaseIdentity } from '../entitlements/read/database-identity.ts';
import { type FeedFilter, loadChanges, type PublishedChange } from './load-changes.ts';
import { publishChanges } from './publish.ts';
import { createWakeUps } from './wake-ups.ts';

/**
 * Maximum number of changes that are handed to readers in one turn of the event loop, so that their sockets can
 * send in between.
 */
const pageSize = 200;

/**
 * Pause after each look: `times` the duration of the look, at most `maxMs`. Changes that are committed in quick
 * succession are then published in one commit, instead of competing with several.
 */
const rest = { times: 3, maxMs: 50 };

/**
 * Receives each published change once, in the order of the feed; `gap` if changes were deleted before this
 * process read them.
 */
type FeedReader = (changes: readonly PublishedChange[] | 'gap') => void;

/** The feed of changes in this process: publishes committed changes, and passes them to the readers. */
export interface Feed {
  /** Publishes without delay, after a change was committed. */
  wake(): void;
  /** Publishes and passes new changes to the readers until none arrive, or until the feed is stopped. */
  look(): Promise<void>;
  /** Returns the id of the database, which cursors contain. */
  database(): Promise<string>;
  /**
   * Adds a reader, which receives every matching change after the current `position()`: the position up to
   * which this process has read the feed.
   */
  follow(filter: FeedFilter, reader: FeedReader): Promise<Follower>;
  stop(): Promise<void>;
}

interface Follower {
  position: () => bigint;
  leave: () => void;
}

export interface FeedDeps extends Pick<Deps, 'database' | 'redis' | 'logger'> {
  /** Called after changes were published, by this process or another. */
  onPublish?: () => void;
}

/**
 * Creates the feed. Instances wake each other over Redis, but every change is read from Postgres, which each
 * instance also polls once a second.
 */
export function createFeed(deps: FeedDeps): Feed {
  const { database, logger } = deps;
  /**
   * Readers by project, so that a change is passed only to the readers of its project; '' = readers of all
   * projects.
   */
  const readers = new Map<string, Set<FeedReader>>();
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
    if (position !== undefined && last > position) {
      wakeUps.announce(last);
      deps.onPublish?.();
    }
    position ??= last;
    while (position < last) {
      // Without readers, the changes need not be read.
      if (readers.size === 0) position = last;
      else position = await handOut(position);
    }
  }

  async function handOut(after: bigint): Promise<bigint> {
    const page = await loadChanges(database, { projectId: null }, after, pageSize);
    if (page.isExpired) {
      for (const ofProject of readers.values()) for (const reader of ofProject) reader('gap');
    }
    const byProject = Map.groupBy(page.changes, ({ projectId }) => projectId);
    for (const [projectId, changes] of [...byProject, ['', page.changes] as const]) {
      for (const reader of readers.get(projectId) ?? []) reader(changes);
    }
    return page.position;
  }

  async function run(): Promise<void> {
    try {
      while (isDue && !stopped) {
        isDue = false;
        const begunAt = performance.now();
        await look();
        await pause(Math.min(rest.maxMs, rest.times * (performance.now() - begunAt)));
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
    async follow({ projectId, userId }, reader) {
      const read: FeedReader =
        userId === undefined
          ? reader
          : (changes) => {
              const ofUser =
                changes === 'gap' ? changes : changes.filter((change) => change.userId === userId);
              if (ofUser.length > 0) reader(ofUser);
            };
      const lane = projectId ?? '';
      position ??= (await loadChanges(database, { projectId: null }, 'now', 0)).position;
      const from = position;
      const ofProject = readers.get(lane) ?? new Set();
      readers.set(lane, ofProject.add(read));
      return {
        position: () => position ?? from,
        leave() {
          if (ofProject.delete(read) && ofProject.size === 0) readers.delete(lane);
        },
      };
    },
    async stop() {
      stopped = true;
      await running;
      wakeUps.stop();
    },
  };
}
