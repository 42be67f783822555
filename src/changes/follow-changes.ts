import { aborted } from './aborted.ts';
import { encodeFeedCursor } from './core/cursor.ts';
import { eventText, type Stream } from './event-stream.ts';
import type { Feed } from './feed.ts';
import type { ChangePage, FeedFilter, PublishedChange } from './load-changes.ts';
import type { ReadChanges } from './read-changes.ts';
import { toChangeDto } from './schemas.ts';

/** Maximum number of changes per page that a catching-up stream reads. */
export const pageSize = 500;

/** The delay before a client reconnects, milliseconds. */
export const retry = 'retry: 1000\n';

export interface FollowDeps {
  readChanges: ReadChanges;
  feed: Feed;
  /** Returns the event of a change; the text is created once for all streams. */
  textOf: (change: PublishedChange) => string;
  /** Returns the event that gives the reader its position. */
  announceText?: (event: 'ready' | 'reset', cursor: string) => string;
}

/**
 * Creates a `textOf` that keeps each change's text, so that all streams share it. `database` is the id that
 * cursors contain.
 */
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

function announcementText(event: 'ready' | 'reset', cursor: string): string {
  return (event === 'ready' ? retry : '') + eventText(event, cursor, { cursor });
}

/**
 * Sends `first` and all later changes, once each and in feed order, until the stream closes. Starts with a
 * `ready` event that contains the position. Sends `reset` whenever changes may have been missed.
 *
 * @param first the page at the reader's position.
 */
export async function followChanges(
  { readChanges, feed, textOf, announceText = announcementText }: FollowDeps,
  stream: Stream,
  filter: FeedFilter,
  first: ChangePage,
): Promise<void> {
  const database = await feed.database();
  let position = first.from;
  let isLive = false;

  function announce(event: 'ready' | 'reset'): void {
    stream.send(announceText(event, encodeFeedCursor({ database, position })));
  }

  function send(page: ChangePage): void {
    if (page.isExpired) {
      position = page.position;
      announce('reset');
    }
    for (const change of page.changes) stream.send(textOf(change));
    position = page.position;
  }

  announce('ready');
  send(first);
  const follower = await feed.follow(filter, (changes) => {
    if (!isLive) return;
    // After a gap, the client reconnects and gets a `reset`.
    if (changes === 'gap') stream.close('failed');
    else for (const change of changes) if (change.position > position) stream.send(textOf(change));
  });
  try {
    while (!stream.closed.aborted) {
      await stream.ready();
      const page = await readChanges(filter, position, pageSize);
      send(page);
      // If the feed has handed out more than this page, another page follows.
      isLive = page.changes.length < pageSize && follower.position() <= position;
      if (isLive) break;
    }
    await aborted(stream.closed);
  } finally {
    follower.leave();
  }
}
