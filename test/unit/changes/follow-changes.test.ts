import { expect, it } from 'vitest';
import type { Stream } from '../../../src/changes/event-stream.ts';
import type { Feed } from '../../../src/changes/feed.ts';
import { followChanges } from '../../../src/changes/follow-changes.ts';
import type { ChangePage, PublishedChange } from '../../../src/changes/load-changes.ts';

const changeAt = (position: bigint): PublishedChange => ({
  ...{ position, projectId: 'notes', userId: 'u', revision: 1, cause: 'operator' },
  ...{ at: new Date(0), recordedAt: new Date(0), nextChangeAt: null },
  ...{ gained: [], lost: [], changed: [] },
});

const pageOf = (from: bigint, ...positions: bigint[]): ChangePage => ({
  changes: positions.map(changeAt),
  from,
  position: positions.at(-1) ?? from,
  isExpired: false,
});

it('a stream reads on where the feed was ahead of its page, so that nothing falls between them', async () => {
  const closing = new AbortController();
  const sent: string[] = [];
  const stream: Stream = {
    closed: closing.signal,
    send: (text) => sent.push(text.replaceAll('\n', ' ').trim()),
    ready: () => Promise.resolve(),
    close: () => {
      closing.abort();
    },
  };
  let handOut: (changes: readonly PublishedChange[]) => void = () => undefined;
  const feed: Feed = {
    wake: () => undefined,
    look: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    database: () => Promise.resolve('0123456789ab'),
    follow: (_filter, reader) => {
      handOut = reader;
      // It has handed out 2 and 3 already.
      return Promise.resolve({ position: () => 3n, leave: () => undefined });
    },
  };
  const pages = [pageOf(1n), pageOf(1n, 2n), pageOf(2n, 3n)];
  const following = followChanges(
    {
      readChanges: () => {
        const page = pages.shift();
        // All there is to read was read: from now on the feed hands out.
        if (pages.length === 0) {
          setImmediate(() => {
            handOut([changeAt(3n), changeAt(4n)]);
            closing.abort();
          });
        }
        return Promise.resolve(page ?? pageOf(3n));
      },
      feed,
      textOf: ({ position }) => String(position),
    },
    stream,
    { projectId: 'notes' },
    pageOf(1n),
  );
  await following;
  expect(sent.slice(1)).toEqual(['2', '3', '4']);
  expect(pages).toEqual([]);
});
