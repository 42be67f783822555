import type { FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify';
import type { LoopDelay } from '../platform/loop-delay.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { App } from './app-types.ts';
import { ProblemError } from './problem.ts';

/** Kinds of work, in the order in which an overloaded process refuses it. */
type Work = 'operator' | 'checkout' | 'webhook' | 'read';

/**
 * From how long a delay of the event loop on each kind is refused, milliseconds. An operator can wait;
 * a buyer can try again; Stripe does try again, for days; what apps ask on every request they serve
 * goes last. Probes and metrics are always answered: they tell of it.
 */
const refusedFromMs: Readonly<Record<Work, number>> = {
  operator: 200,
  checkout: 400,
  webhook: 700,
  read: 1_000,
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The kind of work, where it does not follow from `auth`; `always`: never refused under load. */
    work?: Work | 'always';
  }
}

/**
 * Refuses work with a 503 while the event loop is late. To be installed after the authentication, which
 * puts its hook in front: a request that is refused is to cost as little as can be.
 */
export function installShedding(app: App, deps: { loopDelay: LoopDelay; metrics: Metrics }): void {
  const { loopDelay, metrics } = deps;

  /** One per kind, so that none is put on a route twice. */
  const hooks = {
    operator: refuse('operator'),
    checkout: refuse('checkout'),
    webhook: refuse('webhook'),
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
      done(new ProblemError('overloaded', 'Too much to do at the moment. Try again in a moment.'));
    };
  }

  app.addHook('onRoute', (route) => {
    const work = workOf(route);
    if (work === undefined) return;
    const given = [route.onRequest ?? []].flat();
    // The HEAD of a GET comes with what the GET was given.
    if (!given.includes(hooks[work])) route.onRequest = [hooks[work], ...given];
  });
}

function workOf({ config }: RouteOptions): Work | undefined {
  if (config?.work !== undefined) return config.work === 'always' ? undefined : config.work;
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
