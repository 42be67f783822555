import type { FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify';
import type { LoopDelay } from '../platform/loop-delay.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { App } from './app-types.ts';
import { ProblemError } from './problem.ts';
import { kindOf, type RequestKind } from './request-kind.ts';

/** Kinds of work, in the order in which an overloaded process sheds them. */
type Work = RequestKind | 'webhook';

/**
 * The event-loop delay at which each kind of work is refused, milliseconds. Operators can wait, buyers can
 * retry, and Stripe retries for days. What apps request on every request that they serve is refused last. Probes and
 * metrics are never refused, because they show the overload.
 */
const refusedFromMs: Readonly<Record<Work, number>> = {
  operator: 200,
  checkout: 400,
  webhook: 700,
  usage: 1_000,
  read: 1_000,
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The kind of work, if `auth` does not determine it. `always` is never refused under load. */
    work?: Work | 'always';
  }
}

/**
 * Refuses work with a 503 response while the event-loop delay is too high. Must be installed after
 * authentication: hooks are prepended, so shedding then runs first and a refused request costs little.
 */
export function installShedding(app: App, deps: { loopDelay: LoopDelay; metrics: Metrics }): void {
  const { loopDelay, metrics } = deps;

  /** One shared hook per kind, so that a route that already has the hook is recognized. */
  const hooks = {
    operator: refuse('operator'),
    checkout: refuse('checkout'),
    webhook: refuse('webhook'),
    usage: refuse('usage'),
    read: refuse('read'),
  };

  function refuse(work: Work): onRequestHookHandler {
    const fromMs = refusedFromMs[work];
    return (_request: FastifyRequest, _reply, done) => {
      if (loopDelay.ms() < fromMs) {
        done();
        return;
      }
      metrics.shedRequests.inc({ work });
      done(new ProblemError('overloaded', 'The service is overloaded. Retry in a moment.'));
    };
  }

  app.addHook('onRoute', (route) => {
    const work = workOf(route);
    if (work === undefined) return;
    const given = [route.onRequest ?? []].flat();
    // The HEAD route of a GET route already has the hooks of the GET route.
    if (!given.includes(hooks[work])) route.onRequest = [hooks[work], ...given];
  });
}

function workOf({ config }: RouteOptions): Work | undefined {
  const work = config?.work ?? kindOf(config?.auth);
  return work === 'always' ? undefined : work;
}
