import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { callerOf, readableUser } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { ProblemError } from '../http/problem.ts';
import { aborted } from './aborted.ts';
import { encodeFeedCursor } from './core/cursor.ts';
import { openStream } from './event-stream.ts';
import type { Feed } from './feed.ts';
import { createTextOf, followChanges, type FollowDeps, pageSize } from './follow-changes.ts';
import { createHeldRequests, type HeldRequestDeps } from './held-requests.ts';
import type { ChangePage, FeedFilter, FeedStart } from './load-changes.ts';
import { createOfrepEvents } from './ofrep-events.ts';
import { createReadChanges, startOf } from './read-changes.ts';
import { changeSchema, feedQuery, streamQuery, toChangeDto } from './schemas.ts';

export interface ChangeRouteDeps extends HeldRequestDeps {
  access: ProjectAccess;
  feed: Feed;
}

const tags = ['Changes'];
const maxWaitSeconds = 25;

/** Registers the routes for the feed of changes: by pages, as a long poll, and as a stream. */
export function changeRoutes(app: App, deps: ChangeRouteDeps): void {
  const { access, database, feed } = deps;
  const readChanges = createReadChanges(database);
  const held = createHeldRequests(deps);
  let textOf: FollowDeps['textOf'] | undefined;
  // Before the server waits for its connections: a stream would keep it open.
  app.addHook('preClose', () => held.stop());

  async function filterOf(
    request: FastifyRequest,
    given: { project_id?: string | undefined; user_id?: string | undefined },
  ): Promise<FeedFilter> {
    return {
      projectId: await access.scopeOf(request, given.project_id),
      userId: readableUser(callerOf(request), given.user_id),
    };
  }

  app.get(
    '/api/v1/changes',
    {
      config: {
        auth: 'read',
        allProjects: true,
        problems: ['cursor_expired'],
        // A long poll holds no database connection while it waits.
        cost: ({ query }) => (isLongPoll(query) ? 0 : 1),
      },
      schema: {
        tags,
        summary: "List the changes of users' entitlements, in the order of the feed",
        querystring: z.strictObject({
          ...feedQuery,
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          wait_seconds: z.coerce
            .number()
            .int()
            .min(0)
            .max(maxWaitSeconds)
            .default(0)
            .describe('Maximum time to wait for a change, seconds'),
        }),
        response: {
          200: z.object({
            data: z.array(changeSchema),
            next_cursor: z.string().describe('The start of the next page; never null'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const filter = await filterOf(request, query);
      const id = await feed.database();
      const start = startOf(query.after, id);
      const page =
        query.wait_seconds === 0 || query.after === undefined
          ? await readChanges(filter, start, query.limit)
          : await waitForChange(request, reply, { ...query, filter, start });
      if (page.isExpired) throw new ProblemError('cursor_expired');
      return {
        data: page.changes.map((change) => toChangeDto(change, id)),
        next_cursor: encodeFeedCursor({ database: id, position: page.position }),
      };
    },
  );

  /** Reads a page. If it is empty, waits for a change or the timeout, and reads again. */
  async function waitForChange(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: {
      filter: FeedFilter;
      start: FeedStart | 'expired';
      limit: number;
      wait_seconds: number;
    },
  ): Promise<ChangePage> {
    const { filter, start, limit, wait_seconds: seconds } = asked;
    const slot = held.reserve(request);
    const heard = new AbortController();
    const follower = await feed
      .follow(filter, () => {
        heard.abort();
      })
      .catch((error: unknown) => {
        slot.release();
        throw error;
      });
    try {
      const page = await readChanges(filter, start, limit);
      if (page.changes.length > 0 || page.isExpired) return page;
      const isOver = AbortSignal.timeout(seconds * 1_000);
      await aborted(AbortSignal.any([heard.signal, slot.ended, goneOf(reply), isOver]));
      if (slot.reason() === 'key_ended') {
        throw new ProblemError('unauthorized', 'The API key was deleted or has expired.');
      }
      return await readChanges(filter, page.position, limit);
    } finally {
      follower.leave();
      slot.release();
    }
  }

  app.get(
    '/api/v1/changes/stream',
    {
      exposeHeadRoute: false,
      config: { auth: 'read', userTokens: 'inQuery', allProjects: true, cost: 0 },
      schema: {
        tags,
        summary:
          'Stream the changes as server-sent events: `ready`, then `change`; `reset` after a gap',
        headers: z.object({
          'last-event-id': z
            .string()
            .max(200)
            .optional()
            .describe('The cursor of the last event received; takes precedence over `after`')
            .meta({ examples: ['MDAxMTIyMzM0NDU1LTE3'] }),
        }),
        querystring: z.strictObject({ ...feedQuery, ...streamQuery }),
        response: {
          200: {
            description: 'Server-sent events',
            content: { 'text/event-stream': { schema: z.string() } },
          },
        },
      },
    },
    async (request, reply) => {
      const { query, headers } = request;
      const filter = await filterOf(request, query);
      if (query.format !== undefined && filter.userId === undefined) throw userRequired();
      const id = await feed.database();
      const start = startOf(headers['last-event-id'] ?? query.after, id);
      const slot = held.reserve(request);
      // Before the reply becomes a stream, so that an error can still become a problem response.
      const first = await readChanges(filter, start, pageSize).catch((error: unknown) => {
        slot.release();
        throw error;
      });
      const stream = openStream(reply, (reason) => {
        slot.release();
        deps.metrics.changeStreamsClosed.inc({ reason });
      });
      void aborted(slot.ended).then(() => {
        stream.close(slot.reason() ?? 'failed');
      });
      textOf ??= createTextOf(id);
      const events = query.format === undefined ? { textOf } : createOfrepEvents(id);
      try {
        await followChanges({ readChanges, feed, ...events }, stream, filter, first);
      } catch (error) {
        request.log.warn({ err: error }, 'a stream of changes failed; its reader reconnects');
        stream.close('failed');
      }
      return reply;
    },
  );
}

function userRequired(): ProblemError {
  return new ProblemError('bad_request', undefined, [
    { path: 'user_id', message: 'is required with `format`, whose events do not contain the user' },
  ]);
}

function isLongPoll(query: unknown): boolean {
  return (
    typeof query === 'object' &&
    query !== null &&
    'wait_seconds' in query &&
    query.wait_seconds !== 0
  );
}

/** Returns a signal that aborts when the client disconnects, or already has. */
function goneOf({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (raw.destroyed) gone.abort();
  else {
    raw.once('close', () => {
      gone.abort();
    });
  }
  return gone.signal;
}
