import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper } from '../http/idempotency.ts';
import { projectIdSchema, stripeIdSchema, userIdSchema } from '../http/schemas.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import type { Asker } from './answer.ts';
import { applyChange } from './apply-change.ts';
import { cancelSubscription, resumeSubscription } from './cancel.ts';
import { createPreviewTokens } from './preview-token.ts';
import { loadLiveIds, loadOwnSubscription } from './own-subscription.ts';
import { previewChange } from './preview.ts';
import {
  applyBody,
  cancelBody,
  changedResponse,
  previewBody,
  previewResponse,
  resumeBody,
  subscriptionSchema,
} from './schemas.ts';
import { fetchLive } from './stripe-subscription.ts';
import { toSubscriptionDto } from './subscription-dto.ts';

const tags = ['Subscriptions'];
const params = z.strictObject({ id: stripeIdSchema });

const changeProblems = [
  'subscription_not_found',
  'price_not_found',
  'already_subscribed',
  'price_inactive',
  'stripe_unavailable',
] as const;

interface SubscriptionDeps extends SyncDeps {
  access: ProjectAccess;
  /** A secret of the service, from which the key of the previews' tokens is derived. */
  tokenSecret: string;
}

/** Registers the routes for a user's subscriptions: list, preview, change, cancel and resume. */
export function subscriptionRoutes(app: App, given: SubscriptionDeps): void {
  const deps = { ...given, tokens: createPreviewTokens(given.tokenSecret) };

  /** Returns who asks about a subscription. Its id is unique, so the platform key need not name a project. */
  async function askerOf(
    request: FastifyRequest,
    id: string,
    { project_id: given, user_id: userId }: { project_id?: string | undefined; user_id: string },
  ): Promise<Asker> {
    const scope = await deps.access.scopedOperatorOf(request, given);
    const owner = { projectId: scope.projectId, userId };
    const { projectId } = await loadOwnSubscription(deps.database, owner, id);
    return { operator: { ...scope, projectId }, user: { projectId, userId } };
  }

  app.get(
    '/api/v1/subscriptions',
    {
      config: { auth: 'checkout', problems: ['stripe_unavailable'] },
      schema: {
        tags,
        summary: "List a user's live subscriptions, as Stripe shows them now, oldest first",
        querystring: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema,
        }),
        response: { 200: z.array(subscriptionSchema) },
      },
    },
    async (request) => {
      const { project_id: given, user_id: userId } = request.query;
      const projectId = await deps.access.projectOf(request, given);
      const ids = await loadLiveIds(deps.database, { projectId, userId });
      const all = await Promise.all(ids.map((id) => fetchLive(deps, id)));
      return all.map(toSubscriptionDto);
    },
  );

  app.post(
    '/api/v1/subscriptions/:id/preview',
    {
      config: { auth: 'checkout', problems: [...changeProblems] },
      schema: {
        tags,
        summary: 'Preview a change. Its price holds for ten minutes, to the cent.',
        params,
        body: previewBody,
        response: { 200: previewResponse },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const { operator, user } = await askerOf(request, request.params.id, body);
      const subscriptionId = request.params.id;
      const preview = await previewChange(deps, { user, subscriptionId, body });
      const keep = answerKeeper(reply);
      await deps.database.transaction(async (tx) => {
        await recordAudit(tx, {
          ...operator,
          userId: user.userId,
          action: 'subscription.preview',
          targetType: 'subscription',
          targetId: subscriptionId,
          after: { when: body.when, due_now: preview.due_now },
          at: deps.clock(),
        });
        await keep(tx, preview);
      });
      return preview;
    },
  );

  app.post(
    '/api/v1/subscriptions/:id/change',
    {
      config: {
        auth: 'checkout',
        problems: [...changeProblems, 'payment_failed', 'preview_expired', 'preview_mismatch'],
      },
      schema: {
        tags,
        summary: 'Change a subscription. It is applied before the response.',
        params,
        body: applyBody,
        response: { 200: changedResponse },
      },
    },
    async (request, reply) => {
      const { preview_token: token, ...body } = request.body;
      const asker = await askerOf(request, request.params.id, body);
      const change = { asker, user: asker.user, subscriptionId: request.params.id, body, token };
      return applyChange(deps, change, answerKeeper(reply));
    },
  );

  app.post(
    '/api/v1/subscriptions/:id/cancel',
    {
      config: { auth: 'checkout', problems: ['subscription_not_found', 'stripe_unavailable'] },
      schema: {
        tags,
        summary: 'Cancel a subscription now or at the end of the period',
        params,
        body: cancelBody,
        response: { 200: changedResponse },
      },
    },
    async (request, reply) => {
      const asker = await askerOf(request, request.params.id, request.body);
      const { when } = request.body;
      return cancelSubscription(deps, asker, request.params.id, when, answerKeeper(reply));
    },
  );

  app.post(
    '/api/v1/subscriptions/:id/resume',
    {
      config: { auth: 'checkout', problems: ['subscription_not_found', 'stripe_unavailable'] },
      schema: {
        tags,
        summary: 'Withdraw a scheduled cancellation or change',
        params,
        body: resumeBody,
        response: { 200: changedResponse },
      },
    },
    async (request, reply) => {
      const asker = await askerOf(request, request.params.id, request.body);
      return resumeSubscription(deps, asker, request.params.id, answerKeeper(reply));
    },
  );
}
