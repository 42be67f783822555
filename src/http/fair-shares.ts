import type { FastifyReply, FastifyRequest, RouteHandlerMethod, RouteOptions } from 'fastify';
import type { Metrics } from '../platform/metrics.ts';
import { onBehalfOf } from '../platform/on-behalf.ts';
import type { Pace } from '../platform/pace.ts';
import { createTurns, NoTurn, type TakeTurn, type TurnRule } from '../platform/turns.ts';
import type { App } from './app-types.ts';
import { ProblemError } from './problem.ts';

/** Kinds of work with separate turns, so that an import does not delay the project's buyers. */
type Kind = 'read' | 'checkout' | 'operator';

/**
 * The cost of a request that computes for many users, or reads or writes many rows. A project runs one of
 * these at a time, with some light requests beside it.
 */
export const heavyCost = 3;
const capacityPerLane = 4;

/** Maximum number of requests of one project that wait for their turn. */
const maxWaitingPerLane = 100;

/**
 * Limits of concurrent work. A running read holds a Postgres connection, and the pool keeps some for cache
 * misses, webhooks and the worker. Operator and checkout requests also wait for Stripe.
 */
const rules: Readonly<Record<Kind, TurnRule>> = {
  read: { capacity: 8, capacityPerLane, maxWaitingPerLane, maxWaitMs: 5_000 },
  operator: { capacity: 12, capacityPerLane, maxWaitingPerLane, maxWaitMs: 30_000 },
  checkout: { capacity: 64, capacityPerLane: 16, maxWaitingPerLane, maxWaitMs: 5_000 },
};

/** The part of a request's cost that the pace charges. A checkout mostly waits for Stripe. */
const paceShare: Readonly<Partial<Record<Kind, number>>> = { checkout: 0.25 };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Units of the project's share that a request takes while it is handled; 1 by default, 0 = none. */
    cost?: number | ((request: FastifyRequest) => number);
  }
}

interface FairShareDeps {
  metrics: Metrics;
  pace: Pace;
  /** Returns the lane whose share a request takes: its key's project, or the platform key. */
  laneOf: (request: FastifyRequest) => string;
}

/**
 * Gives every project a share of the process's concurrent work, in units of cost, so that one project's load
 * does not delay another's. Requests beyond the share wait, and projects take turns. A request that waits too
 * long gets a 429. Must be installed before the routes.
 */
export function installFairShares(app: App, { metrics, pace, laneOf }: FairShareDeps): void {
  function turnsOf(kind: Kind): TakeTurn {
    return createTurns(rules[kind], {
      admits: (lane, cost) => pace.admits(lane, cost * (paceShare[kind] ?? 1), kind),
    });
  }

  const turns: Record<Kind, TakeTurn> = {
    read: turnsOf('read'),
    operator: turnsOf('operator'),
    checkout: turnsOf('checkout'),
  };

  function refuse(error: unknown): never {
    if (!(error instanceof NoTurn)) throw error;
    metrics.rateLimited.inc({ limit: 'project' });
    throw new ProblemError(
      'too_many_requests',
      'The project has too many requests running. Send fewer at the same time, and retry.',
    );
  }

  const fair = new WeakSet<RouteHandlerMethod>();

  app.addHook('onRoute', (route) => {
    const kind = kindOf(route);
    const { cost = 1, work } = route.config ?? {};
    // Fastify registers a GET's handler for HEAD, too.
    if (kind === undefined || fair.has(route.handler)) return;
    const takeTurn = turns[kind];
    const { handler } = route;

    function inTurn(this: App, request: FastifyRequest, reply: FastifyReply): unknown {
      const asked = typeof cost === 'number' ? cost : cost(request);
      const handle = (): unknown => handler.call(this, request, reply);
      const project = laneOf(request);
      if (asked === 0) {
        pace.note(project);
        return handle();
      }
      // A route that must always work has a lane apart from the project's other requests.
      const lane = work === 'always' ? `${project} always` : project;
      return takeTurn(lane, asked, () =>
        onBehalfOf(project, () => Promise.resolve(handle())),
      ).catch(refuse);
    }
    fair.add(inTurn);
    route.handler = inTurn;
  });
}

function kindOf({ config }: RouteOptions): Kind | undefined {
  switch (config?.auth) {
    case 'read':
    case 'checkout':
      return config.auth;
    case 'admin':
    case 'platform':
      return 'operator';
    case 'open':
    case undefined:
      return undefined;
  }
}
