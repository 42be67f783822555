import { z } from 'zod';
import { callerOf } from '../auth/caller.ts';
import type { ProjectAccess } from '../auth/project-access.ts';
import { readFresh } from '../entitlements/read/read-entitlements.ts';
import { entitlementsResponse } from '../entitlements/schemas.ts';
import type { App } from '../http/app-types.ts';
import { answerKeeper, repeatableId } from '../http/idempotency.ts';
import { ProblemError } from '../http/problem.ts';
import {
  isoInstant,
  isoInstantSchema,
  projectIdSchema,
  stripeIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import type { SyncDeps } from '../mirror/sync.ts';
import { isAbsoluteUrl, isAllowedRedirect } from './core/redirects.ts';
import { loadLines } from './lines.ts';
import { openPortal } from './portal.ts';
import { loadOwnSession } from './return.ts';
import { checkoutBody, urlSchema } from './schemas.ts';
import { createSessionFetch } from './session-fetch.ts';
import { openCheckout, type OpenedCheckout } from './sessions.ts';

const tags = ['Checkout and portal'];
const checkoutWarning = z
  .strictObject({
    code: z
      .enum(['feature_blocked'])
      .describe(
        "An operator has blocked one of the price's features for this user, but not all of them",
      ),
    feature_code: z.string(),
  })
  .meta({ id: 'CheckoutWarning' });

const untilComplete = '`null` while the session is not complete and the key lacks the scope `read`';

/** Registers the routes for checkout and the billing portal. */
export function checkoutRoutes(app: App, deps: SyncDeps & { access: ProjectAccess }): void {
  const { database } = deps;
  const fetchSession = createSessionFetch(deps);

  async function checkRedirects(projectId: string, urls: Record<string, string>): Promise<void> {
    const { redirectOrigins } = await database.prisma.project.findUniqueOrThrow({
      where: { id: projectId },
      select: { redirectOrigins: true },
    });
    const refused = Object.entries(urls).filter(
      ([, url]) => !isAllowedRedirect(url, redirectOrigins),
    );
    if (refused.length === 0) return;
    throw new ProblemError(
      'redirect_not_allowed',
      undefined,
      refused.map(([path, url]) => ({
        path,
        message: isAbsoluteUrl(url)
          ? "must be on one of the project's `redirect_origins`: to allow it, add its origin with PATCH /api/v1/admin/projects/{id}"
          : "must be an absolute URL such as `https://app.example.com/account`, on one of the project's `redirect_origins`",
      })),
    );
  }

  app.post(
    '/api/v1/checkout/sessions',
    {
      config: {
        auth: 'checkout',
        problems: [
          'price_not_found',
          'already_subscribed',
          'feature_revoked',
          'price_inactive',
          'redirect_not_allowed',
          'stripe_unavailable',
        ],
      },
      schema: {
        tags,
        summary: 'Open a hosted checkout. Prices come from the catalog, amounts from Stripe.',
        body: checkoutBody,
        response: {
          201: z.object({
            id: z.string(),
            url: z.string(),
            mode: z.enum(['subscription', 'payment']),
            expires_at: isoInstantSchema,
            warnings: z
              .array(checkoutWarning)
              .describe(
                'The features that the user will not get through this purchase; empty if none is blocked',
              ),
          }),
        },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const projectId = await deps.access.projectOf(request, body.project_id);
      await checkRedirects(projectId, {
        success_url: body.success_url,
        cancel_url: body.cancel_url,
      });
      const lines = await loadLines(
        database,
        projectId,
        body.line_items?.map(({ price_id: priceId, quantity }, index) => ({
          priceId,
          field: `line_items[${index}].price_id`,
          quantity,
        })) ?? [{ priceId: body.price_id ?? '', field: 'price_id', quantity: 1 }],
      );
      const checkout = {
        user: { projectId, userId: body.user_id },
        email: body.email,
        lines,
        successUrl: body.success_url,
        cancelUrl: body.cancel_url,
        repeatId: repeatableId(request),
      };
      const toDto = ({ expiresAt, blockedFeatures, ...opened }: OpenedCheckout) => ({
        ...opened,
        expires_at: isoInstant(expiresAt),
        warnings: blockedFeatures.map((code) => ({
          code: 'feature_blocked' as const,
          feature_code: code,
        })),
      });
      const keep = answerKeeper(reply.code(201));
      return reply.send(
        toDto(await openCheckout(deps, checkout, (tx, opened) => keep(tx, toDto(opened)))),
      );
    },
  );

  app.get(
    '/api/v1/checkout/sessions/:id',
    {
      config: { auth: 'checkout', problems: ['session_not_found', 'stripe_unavailable'] },
      schema: {
        tags,
        summary:
          'Get a session for the success page. It is fetched from Stripe and applied immediately.',
        params: z.strictObject({ id: stripeIdSchema }),
        querystring: z.strictObject({ project_id: projectIdSchema.optional() }),
        response: {
          200: z.object({
            id: z.string(),
            status: z
              .string()
              .nullable()
              .describe("Stripe's status of the session: `open`, `complete` or `expired`"),
            payment_status: z
              .string()
              .describe("Stripe's payment status: `paid`, `unpaid` or `no_payment_required`"),
            user_id: z.string(),
            revision: z.int().nullable().describe(`The user's revision; ${untilComplete}`),
            entitlements: entitlementsResponse.shape.entitlements
              .nullable()
              .describe(`What the user may use; ${untilComplete}`),
          }),
        },
      },
    },
    async (request) => {
      // The session's id in the path is unique, so the platform key does not have to name a project.
      const scope = await deps.access.scopeOf(request, request.query.project_id);
      const { id } = request.params;
      const { projectId, userId } = await loadOwnSession(database, scope, id);
      const session = await fetchSession(id);
      const mayRead = callerOf(request).scopes.has('read') || session.status === 'complete';
      const { revision, entitlements } = mayRead
        ? await readFresh(deps, projectId, userId)
        : { revision: null, entitlements: null };
      return {
        id,
        status: session.status,
        payment_status: session.paymentStatus,
        user_id: userId,
        revision,
        entitlements,
      };
    },
  );

  app.post(
    '/api/v1/portal/sessions',
    {
      config: {
        auth: 'checkout',
        problems: ['customer_not_found', 'redirect_not_allowed', 'stripe_unavailable'],
      },
      schema: {
        tags,
        summary: 'Open the billing portal for a user who has a Stripe customer',
        body: z.strictObject({
          project_id: projectIdSchema.optional(),
          user_id: userIdSchema,
          return_url: urlSchema,
        }),
        response: { 201: z.object({ id: z.string(), url: z.string() }) },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const projectId = await deps.access.projectOf(request, body.project_id);
      await checkRedirects(projectId, { return_url: body.return_url });
      const user = { projectId, userId: body.user_id };
      const opened = await openPortal(deps, user, body.return_url, repeatableId(request));
      return reply.code(201).send(opened);
    },
  );
}
