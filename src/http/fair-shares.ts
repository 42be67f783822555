import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import type { Metrics } from '../platform/metrics.ts';
import { onBehalfOf } from '../platform/on-behalf.ts';
import type { Pace } from '../platform/pace.ts';
import {
  createFairSemaphore,
  type FairLimits,
  type FairSemaphore,
  WaitRejected,
} from '../platform/fair-semaphore.ts';
import type { App } from './app-types.ts';
import { ProblemError } from './problem.ts';
import { kindOf, type RequestKind } from './request-kind.ts';

/**
 * The cost of a request that computes for many users, or reads or writes many rows. A project runs one of
 * these at a time, along with a few light requests.
 */
export const heavyCost = 3;
const capacityPerTenant = 4;

/** Maximum number of queued requests per project. */
const maxWaitingPerTenant = 100;

/**
 * Limits on concurrent work. A running read holds a Postgres connection, and the pool must keep some for
 * cache misses, webhooks and the worker. Operator and checkout requests spend much of their time waiting for
 * Stripe without a connection, so more of them may run.
 */
const rules: Readonly<Record<RequestKind, FairLimits>> = {
  read: { capacity: 8, capacityPerTenant, maxWaitingPerTenant, maxWaitMs: 5_000 },
  operator: { capacity: 12, capacityPerTenant, maxWaitingPerTenant, maxWaitMs: 30_000 },
  usage: { capacity: 8, capacityPerTenant, maxWaitingPerTenant: 1_000, maxWaitMs: 5_000 },
  checkout: { capacity: 64, capacityPerTenant: 16, maxWaitingPerTenant, maxWaitMs: 5_000 },
};

/** The part of a request's cost that the pace charges. A checkout mostly waits for Stripe. */
const paceShare: Readonly<Partial<Record<RequestKind, number>>> = { checkout: 0.25 };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Units of the project's share that a request occupies while it is handled. 1 by default; 0 for none. */
    cost?: number | ((request: FastifyRequest) => number);
  }
}

interface FairShareDeps {
  metrics: Metrics;
  pace: Pace;
  /** Returns the tenant to charge for a request: the project of its key, or the platform key. */
  tenantOf: (request: FastifyRequest) => string;
}

/**
 * Gives every project a share of the process's concurrent work, in units of cost, so that one project's load
 * does not delay another's. Requests beyond the share wait, and are admitted round-robin by project. A
 * request that waits too long gets a 429 response. Must be installed before the routes.
 */
export function installFairShares(app: App, { metrics, pace, tenantOf }: FairShareDeps): void {
  function semaphoreOf(kind: RequestKind): FairSemaphore {
    return createFairSemaphore(rules[kind], {
      admits: (tenant, cost) => pace.admits(tenant, cost * (paceShare[kind] ?? 1), kind),
    });
  }

  // Separate, so that an import does not delay the same project's buyers.
  const semaphores: Record<RequestKind, FairSemaphore> = {
    read: semaphoreOf('read'),
    operator: semaphoreOf('operator'),
    checkout: semaphoreOf('checkout'),
    usage: semaphoreOf('usage'),
  };

  function refuse(error: unknown): never {
    if (!(error instanceof WaitRejected)) throw error;
    metrics.rateLimited.inc({ limit: 'project' });
    throw new ProblemError(
      'too_many_requests',
      'The project has too many requests running. Retry later, and send fewer requests concurrently.',
    );
  }

  const limited = new WeakSet<RouteHandlerMethod>();

  app.addHook('onRoute', (route) => {
    const { auth, cost = 1, work } = route.config ?? {};
    const kind = kindOf(auth);
    // Fastify also registers the wrapped handler of a GET route for HEAD.
    if (kind === undefined || limited.has(route.handler)) return;
    const run = semaphores[kind];
    const { handler } = route;

    function limitedHandler(this: App, request: FastifyRequest, reply: FastifyReply): unknown {
      const units = typeof cost === 'number' ? cost : cost(request);
      const handle = (): unknown => handler.call(this, request, reply);
      const project = tenantOf(request);
      if (units === 0) {
        pace.note(project);
        return handle();
      }
      // Routes that must always work do not queue behind the project's other requests.
      const tenant = work === 'always' ? `${project} always` : project;
      return run(tenant, units, () => onBehalfOf(project, () => Promise.resolve(handle()))).catch(
        refuse,
      );
    }
    limited.add(limitedHandler);
    route.handler = limitedHandler;
  });
}
