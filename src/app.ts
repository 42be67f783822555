import type { FastifyRequest } from 'fastify';
import { auditRoutes } from './audit/routes.ts';
import { catalogRoutes } from './catalog/routes.ts';
import { checkoutRoutes } from './checkout/routes.ts';
import type { Deps } from './deps.ts';
import type { EntitlementCache } from './entitlements/cache.ts';
import { type InsightRouteDeps, insightRoutes } from './entitlements/insight-routes.ts';
import { createKnownFeatures } from './entitlements/known-features.ts';
import { entitlementRoutes } from './entitlements/routes.ts';
import { grantRoutes } from './grants/routes.ts';
import type { App } from './http/app-types.ts';
import { installFairShares } from './http/fair-shares.ts';
import { sweepPendingCache } from './entitlements/sweeps.ts';
import { installIdempotency } from './http/idempotency.ts';
import { createHttpServer } from './http/server.ts';
import { installShedding } from './http/shedding.ts';
import { customerRoutes } from './mirror/customer-routes.ts';
import { purchaseRoutes } from './mirror/purchase-routes.ts';
import { opsRoutes } from './ops/routes.ts';
import { createProjectLookup, projectScope } from './projects/access.ts';
import { installAuth } from './projects/auth.ts';
import { callerOf } from './projects/caller.ts';
import { createKeyLookup } from './projects/key-lookup.ts';
import { keyRoutes } from './projects/key-routes.ts';
import { projectRoutes } from './projects/routes.ts';
import { reconciliationRoutes } from './reconciliation/routes.ts';
import { reportRoutes } from './reporting/routes.ts';
import { userRoutes } from './users/routes.ts';
import { eventRoutes } from './webhook/event-routes.ts';
import { webhookRoutes } from './webhook/routes.ts';

export interface AppDeps extends Deps {
  cache: EntitlementCache;
  /** Tells the worker of this process that an object is wanted. */
  wake: () => void;
  /** Whether the background work came round lately. */
  jobsHealthy: () => boolean;
}

/** The service's routes, each room with the dependencies that it uses. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const { config, clock, database } = deps;
  const app = await createHttpServer(deps);
  installAuth(app, {
    ...deps,
    adminApiKey: config.adminApiKey,
    keyMaxRps: config.keyMaxRps,
    keys: createKeyLookup(deps),
  });
  installShedding(app, deps);
  installFairShares(app, { ...deps, laneOf });
  const actorOf = (request: FastifyRequest): string => callerOf(request).actor;
  const scopeOf = (request: FastifyRequest, given: string | undefined): Promise<string | null> =>
    projectScope(deps, callerOf(request), given);
  installIdempotency(app, {
    ...{ database, clock, actorOf },
    tellCache: () => sweepPendingCache(deps, 0),
  });

  const findProject = createProjectLookup(deps);
  const reads: InsightRouteDeps = {
    ...deps,
    features: createKnownFeatures(database),
    projectOf: (request, given) => findProject(callerOf(request), given),
  };
  entitlementRoutes(app, { ...deps, ...reads });
  insightRoutes(app, reads);
  checkoutRoutes(app, deps);
  webhookRoutes(app, deps);

  projectRoutes(app, deps);
  keyRoutes(app, deps);
  catalogRoutes(app, deps);
  grantRoutes(app, deps);
  customerRoutes(app, deps);
  purchaseRoutes(app, deps);
  userRoutes(app, deps);
  reconciliationRoutes(app, deps);
  eventRoutes(app, { ...deps, projectScope: scopeOf, actorOf });
  auditRoutes(app, { database, projectScope: scopeOf });
  reportRoutes(app, { database, clock, projectScope: scopeOf });

  opsRoutes(app, { ...deps, metricsToken: config.metricsToken });
  return app;
}

/** Whose share of the process a request takes: its project's, whichever of its keys it came with. */
function laneOf(request: FastifyRequest): string {
  return callerOf(request).projectId ?? 'the platform key';
}
