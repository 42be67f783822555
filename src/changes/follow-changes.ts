import { aborted } from './aborted.ts';
import { encodeFeedCursor } from './core/cursor.ts';
import { eventText, type Stream } from './event-stream.ts';
import type { Feed } from './feed.ts';
import type { FeedFilter, PublishedChange } from './load-changes.ts';
import type { ChangeReader, Place } from './read-changes.ts';
import { toChangeDto } from './schemas.ts';

const pageSize = 500;

/** The delay before a client reconnects, milliseconds. */
const retry = 'retry: 1000\n';

/** Returns whether a change matches the filter. */
export function isWanted({ projectId, userId }: FeedFilter, change: PublishedChange): boolean {
  return (
    (projectId === null || change.projectId === projectId) &&
    (userId === undefined || change.userId === userId)
  );
}

export interface FollowDeps {
  reader: ChangeReader;
  feed: Feed;
  /** Returns the event of a change, rendered once for all streams. */
  textOf: (change: PublishedChange) => string;
}

/** Returns a `textOf` for the feed of a database. */
export function createTextOf(database: string): FollowDeps['textOf'] {
  const texts = new WeakMap<PublishedChange, string>();
  return (change) => {
    const known = texts.get(change);
    if (known !== undefined) return known;
    const dto = toChangeDto(change, database);
    const text = eventText('change', dto.cursor, dto);
    texts.set(change, text);
    return text;
  };
}

/**
 * Sends the changes from a position on, each once and in the order of the feed, until the stream is closed.
 * Sends `ready` first, with the position; `reset` follows if changes may be missing before it.
 */
export async function followChanges(
  { reader, feed, textOf }: FollowDeps,
  stream: Stream,
  filter: FeedFilter,
  from: Place,
): Promise<void> {
  let { position } = from;
  let isLive = false;
  const follower = await feed.follow((changes) => {
    if (!isLive) return;
    for (const change of changes) {
      if (change.position > position && isWanted(filter, change)) stream.send(textOf(change));
    }
    position = changes.at(-1)?.position ?? position;
  });
  try {
    const cursor = encodeFeedCursor({ database: await feed.database(), position });
    stream.send(retry + eventText('ready', cursor, { cursor }));
    if (from.isExpired) stream.send(eventText('reset', cursor, { cursor }));
    while (!isLive && !stream.closed.aborted) {
      const page = await reader.read(filter, position, pageSize);
      for (const change of page.changes) stream.send(textOf(change));
      position = page.position;
      // The follower may be ahead of this page, so the reader loads the next page.
      isLive = page.changes.length < pageSize && follower.position() <= position;
      if (!isLive) await stream.ready();
    }
    await aborted(stream.closed);
  } finally {
    follower.leave();
  }
}
