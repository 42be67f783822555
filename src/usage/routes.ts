import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { toProblem } from '../http/errors.ts';
import { idempotencyKeyOf } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import { sendJson } from '../http/send-json.ts';
import type { UsageAnswer } from './batch-state.ts';
import type { Deed } from './deed.ts';
import * as shapes from './schemas.ts';
import type { Usage } from './usage.ts';

const tags = ['Usage'];

/**
 * The cost of one change. It is low because concurrent changes share a transaction, and a power of two so that
 * sums are exact.
 */
const changeCost = 1 / 64;

const keyedChange = {
  auth: 'usage',
  cost: changeCost,
  documented: { headers: shapes.keyHeader },
} as const;

/** Registers the routes that change usage. */
export function usageRoutes(app: App, deps: { access: ProjectAccess; usage: Usage }): void {
  const { access, usage } = deps;

  app.post(
    '/api/v1/usage/consume',
    {
      config: {
        ...keyedChange,
        problems: ['idempotency_key_reused', 'feature_not_metered'],
      },
      schema: {
        tags,
        summary: 'Consume units of a metered feature, if the user has enough',
        body: shapes.consumeBody,
        response: { 200: shapes.consumed },
      },
    },
    async (request, reply) => {
      const { project_id: given, ...item } = request.body;
      const key = requiredKey(request);
      const projectId = await access.projectOf(request, given);
      return send(reply, await usage.perform({ projectId, key, deed: consumeOf(projectId, item) }));
    },
  );

  app.post(
    '/api/v1/usage/consume/batch',
    {
      config: { auth: 'usage', cost: batchCost },
      schema: {
        tags,
        summary: 'Consume units of up to 100 users or features, each item on its own',
        body: shapes.consumeBatchBody,
        response: { 200: shapes.batchConsumed },
      },
    },
    async (request, reply) => {
      const { items, project_id: given } = request.body;
      const projectId = await access.projectOf(request, given);
      const results = await Promise.allSettled(
        items.map(({ idempotency_key: key, ...item }) =>
          usage.perform({ projectId, key, deed: consumeOf(projectId, item) }),
        ),
      );
      throwIfNoneAnswered(results);
      const texts = results.map((result) =>
        result.status === 'fulfilled' ? result.value.text : problemText(request, result.reason),
      );
      return sendJson(reply, `{"data":[${texts.join(',')}]}`);
    },
  );

  app.post(
    '/api/v1/usage/holds',
    {
      config: {
        ...keyedChange,
        problems: ['idempotency_key_reused', 'feature_not_metered'],
      },
      schema: {
        tags,
        summary: 'Hold units, which count as used until the hold is settled or expires',
        body: shapes.holdBody,
        response: { 201: shapes.heldResponse },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const key = requiredKey(request);
      const projectId = await access.projectOf(request, body.project_id);
      const deed: Deed = {
        kind: 'hold',
        user: { projectId, userId: body.user_id },
        featureCode: body.feature_code,
        amount: body.amount,
        expiresInSeconds: body.expires_in_seconds,
      };
      return send(reply.code(201), await usage.perform({ projectId, key, deed }));
    },
  );

  app.post(
    '/api/v1/usage/holds/:id/settle',
    {
      config: {
        ...keyedChange,
        problems: ['hold_not_found', 'hold_expired', 'idempotency_key_reused'],
      },
      schema: {
        tags,
        summary: 'Consume what was really used of a hold, and give back the rest',
        params: shapes.idParams,
        body: shapes.settleBody,
        response: { 200: shapes.settledResponse },
      },
    },
    async (request, reply) => {
      const { amount, project_id: given } = request.body;
      const key = requiredKey(request);
      const projectId = await access.scopeOf(request, given);
      const deed: Deed = { kind: 'settle', holdId: request.params.id, amount };
      return send(reply, await usage.perform({ projectId, key, deed }));
    },
  );

  app.delete(
    '/api/v1/usage/holds/:id',
    {
      config: {
        ...{ auth: 'usage', cost: changeCost },
        problems: ['hold_not_found', 'hold_expired'],
      },
      schema: {
        tags,
        summary: 'Release a hold: give back everything',
        params: shapes.idParams,
        querystring: shapes.scopeQuery,
        response: { 200: shapes.settledResponse },
      },
    },
    async (request, reply) => {
      const projectId = await access.scopeOf(request, request.query.project_id);
      const deed: Deed = { kind: 'settle', holdId: request.params.id, amount: 0 };
      return send(reply, await usage.perform({ projectId, key: null, deed }));
    },
  );

  app.post(
    '/api/v1/usage/entries/:id/reverse',
    {
      config: {
        ...keyedChange,
        problems: ['entry_not_found', 'entry_not_reversible', 'idempotency_key_reused'],
      },
      schema: {
        tags,
        summary: 'Give back exactly what an entry used, once',
        params: shapes.idParams,
        body: shapes.reverseBody,
        response: { 200: shapes.reversedResponse },
      },
    },
    async (request, reply) => {
      const { project_id: given, reason } = request.body;
      const key = requiredKey(request);
      const author = await access.scopedOperatorOf(request, given);
      const operator = callerOf(request).scopes.has('admin') ? author : undefined;
      const deed: Deed = { kind: 'reverse', entryId: request.params.id, reason };
      const { projectId } = author;
      return send(reply, await usage.perform({ projectId, key, deed, operator }));
    },
  );
}

interface ConsumeItem {
  user_id: string;
  feature_code: string;
  amount: number;
  partial: boolean;
  metadata?: Extract<Deed, { kind: 'consume' }>['metadata'] | undefined;
}

function consumeOf(projectId: string, item: ConsumeItem): Deed {
  return {
    kind: 'consume',
    user: { projectId, userId: item.user_id },
    featureCode: item.feature_code,
    amount: item.amount,
    partial: item.partial,
    metadata: item.metadata ?? null,
  };
}

/** @throws ProblemError `bad_request` if the request has no idempotency key. */
function requiredKey(request: FastifyRequest): string {
  const key = idempotencyKeyOf(request);
  if (key !== null) return key;
  throw new ProblemError('bad_request', undefined, [
    {
      path: 'Idempotency-Key',
      message: 'is required, so that a retry changes nothing: send a unique key for each request',
    },
  ]);
}

function batchCost({ body }: FastifyRequest): number {
  const items: unknown =
    typeof body === 'object' && body !== null && 'items' in body ? body.items : null;
  return (Array.isArray(items) ? items.length : 1) * changeCost;
}

function send(reply: FastifyReply, { isReplay, text }: UsageAnswer): FastifyReply {
  if (isReplay) void reply.header('idempotency-replayed', 'true');
  return sendJson(reply, text);
}

/** Fails the whole request if the service could perform no item, so that the client retries it. */
function throwIfNoneAnswered(results: readonly PromiseSettledResult<UsageAnswer>[]): void {
  const reasons = results.flatMap((one): unknown[] =>
    one.status === 'rejected' && toProblem(one.reason).status >= 500 ? [one.reason] : [],
  );
  if (reasons.length === results.length) throw reasons[0];
}

/** Returns the answer to an item of a batch that failed. */
function problemText(request: FastifyRequest, error: unknown): string {
  const problem = toProblem(error);
  if (problem.status >= 500) request.log.error({ err: error }, 'an item of a batch failed');
  return JSON.stringify({ code: problem.code, detail: problem.message });
}
