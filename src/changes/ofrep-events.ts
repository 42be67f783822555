import { changeTag } from '../entitlements/core/ofrep.ts';
import { encodeFeedCursor } from './core/cursor.ts';
import { eventText } from './event-stream.ts';
import { type FollowDeps, retry } from './follow-changes.ts';

/**
 * Creates the events of a stream for OpenFeature's clients, which only say that the client must evaluate again
 * (https://github.com/open-feature/protocol, ADR 8).
 *
 * @param database the id that cursors contain.
 */
export function createOfrepEvents(database: string): Pick<FollowDeps, 'textOf' | 'announceText'> {
  const type = 'refetchEvaluation';
  return {
    textOf: ({ position, revision, at }) =>
      eventText('message', encodeFeedCursor({ database, position }), {
        type,
        etag: changeTag(revision, at.getTime()),
      }),
    announceText: (event, cursor) =>
      event === 'ready' ? `${retry}id: ${cursor}\n\n` : eventText('message', cursor, { type }),
  };
}
