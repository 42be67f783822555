import type { FastifyRequest } from 'fastify';
import { auditRoutes } from './audit/routes.ts';
import { installAuthentication } from './auth/authenticate.ts';
import { createBrowserAccess } from './auth/browser-access.ts';
import { callerOf } from './auth/caller.ts';
import { installPreflights } from './auth/cors.ts';
import { createKeyLookup } from './auth/key-lookup.ts';
import { createProjectAccess } from './auth/project-access.ts';
import { userTokenRoutes } from './auth/user-token-routes.ts';
import { catalogRoutes } from './catalog/routes.ts';
import type { Feed } from './changes/feed.ts';
import { changeRoutes } from './changes/routes.ts';
import { checkoutRoutes } from './checkout/routes.ts';
import type { Deps } from './deps.ts';
import { documentRoutes } from './entitlements/document-routes.ts';
import { ofrepRoutes } from './entitlements/ofrep-routes.ts';
import { queryRoutes } from './entitlements/query-routes.ts';
import type { EntitlementCache } from './entitlements/read/cache.ts';
import { createKnownFeatures } from './entitlements/read/known-features.ts';
import { sweepPendingCache } from './entitlements/refresh/sweeps.ts';
import { entitlementRoutes } from './entitlements/routes.ts';
import { grantRoutes } from './grants/routes.ts';
import type { App } from './http/app-types.ts';
import { installFairShares } from './http/fair-shares.ts';
import { installIdempotency } from './http/idempotency.ts';
import { createHttpServer } from './http/server.ts';
import { installShedding } from './http/shedding.ts';
import { customerRoutes } from './linking/customer-routes.ts';
import { purchaseRoutes } from './linking/purchase-routes.ts';
import { opsRoutes } from './ops/routes.ts';
import { deliveryRoutes } from './outbound/delivery-routes.ts';
import { endpointRoutes } from './outbound/endpoint-routes.ts';
import type { Sender } from './outbound/send.ts';
import { keyRoutes } from './projects/key-routes.ts';
import { projectRoutes } from './projects/routes.ts';
import { reconciliationRoutes } from './reconciliation/routes.ts';
import { reportRoutes } from './reporting/routes.ts';
import { signingRoutes } from './signing/routes.ts';
import { createSigning } from './signing/signing.ts';
import { usageReadRoutes } from './usage/read-routes.ts';
import { subscriptionRoutes } from './subscriptions/routes.ts';
import { usageRoutes } from './usage/routes.ts';
import { createBalances, createUsageReader } from './usage/usage-reader.ts';
import { createUsage } from './usage/usage.ts';
import { userRoutes } from './users/routes.ts';
import { eventRoutes } from './webhook/event-routes.ts';
import { webhookRoutes } from './webhook/routes.ts';

export interface AppDeps extends Deps {
  cache: EntitlementCache;
  feed: Feed;
  /** Sends webhooks to apps. */
  sender: Sender;
  /** Wakes the worker of this process after an object was enqueued. */
  wake: () => void;
  /** Returns whether the background work has run recently. */
  jobsHealthy: () => boolean;
}

/** Creates the application with all its routes. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const { config, clock, database } = deps;
  const app = await createHttpServer(deps);
  const signing = createSigning(config);
  const browsers = signing === null ? null : createBrowserAccess({ ...deps, signing });
  if (browsers !== null) installPreflights(app, browsers.cors);
  installAuthentication(app, {
    ...deps,
    adminApiKey: config.adminApiKey,
    keyMaxRps: config.keyMaxRps,
    keys: createKeyLookup(deps),
    browsers,
  });
  installShedding(app, deps);
  installFairShares(app, { ...deps, tenantOf });
  const actorOf = (request: FastifyRequest): string => callerOf(request).actor;
  installIdempotency(app, {
    ...{ database, clock, actorOf },
    invalidatePending: () => sweepPendingCache(deps, 0),
  });

  const readUsage = createUsageReader(deps);
  const forRoutes = {
    ...deps,
    readUsage,
    balances: createBalances(readUsage),
    access: createProjectAccess(deps),
    features: createKnownFeatures(deps),
    signing,
    userTokens: browsers?.tokens ?? null,
    allowedNetworks: config.webhookAllowedNetworks,
  };
  entitlementRoutes(app, forRoutes);
  queryRoutes(app, forRoutes);
  documentRoutes(app, forRoutes);
  ofrepRoutes(app, { ...forRoutes, publicUrl: config.publicUrl });
  signingRoutes(app, forRoutes);
  changeRoutes(app, { ...forRoutes, maxStreams: config.maxStreams });
  userTokenRoutes(app, forRoutes);
  usageRoutes(app, { ...forRoutes, usage: createUsage(deps) });
  usageReadRoutes(app, forRoutes);
  checkoutRoutes(app, forRoutes);
  subscriptionRoutes(app, { ...forRoutes, tokenSecret: config.adminApiKey });
  webhookRoutes(app, forRoutes);

  projectRoutes(app, forRoutes);
  keyRoutes(app, forRoutes);
  catalogRoutes(app, forRoutes);
  grantRoutes(app, forRoutes);
  customerRoutes(app, forRoutes);
  purchaseRoutes(app, forRoutes);
  userRoutes(app, forRoutes);
  endpointRoutes(app, forRoutes);
  deliveryRoutes(app, forRoutes);
  reconciliationRoutes(app, forRoutes);
  eventRoutes(app, forRoutes);
  auditRoutes(app, forRoutes);
  reportRoutes(app, forRoutes);

  opsRoutes(app, { ...deps, metricsToken: config.metricsToken });
  return app;
}

/** Returns the tenant to charge for a request: the key's project, or the platform key. */
function tenantOf(request: FastifyRequest): string {
  return callerOf(request).projectId ?? 'the platform key';
}
