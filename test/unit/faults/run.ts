import type { Served } from '../../faults/balancer.ts';
import type { Kind } from '../../faults/figures.ts';
import type { Phase } from '../../faults/plan.ts';
import type { Outcome } from '../../faults/report.ts';
import type { Deed } from '../../faults/substance.ts';

/* A run in which everything was as it has to be. */

export const phases: Phase[] = [
  { fault: 'killed', from: 1_000, to: 2_000 },
  { fault: 'restarted', from: 2_500, to: 2_900 },
  { fault: 'redis', from: 3_000, to: 4_000 },
  { fault: 'postgres', from: 5_000, to: 6_000 },
];

const paths: Record<Kind, readonly [method: string, path: string]> = {
  reads: ['GET', '/api/v1/entitlements'],
  operators: ['POST', '/api/v1/admin/grant'],
  checkouts: ['POST', '/api/v1/checkout/sessions'],
  'success pages': ['GET', '/api/v1/checkout/sessions/cs_1'],
  webhooks: ['POST', '/api/v1/webhooks/stripe'],
  'inbox questions': ['GET', '/api/v1/admin/events/evt_1'],
};

/** A request of 100 ms that A answered. */
export function served(
  kind: Kind,
  startedAt: number,
  status: number,
  more: Partial<Served> = {},
): Served {
  const [method, path] = paths[kind];
  return {
    ...{ method, path, startedAt, endedAt: startedAt + 100, status },
    ...{ code: null, by: 'A', refusedBy: [], cutBy: [] },
    ...more,
  };
}

export const notReady = { code: 'not_ready' };

const deeds: Deed[] = [
  ...(['plans bought', 'passes bought', 'changes of plan', 'cancellations', 'refunds'] as const),
  ...(['renewals', 'success pages', 'grants', 'revocations'] as const),
];

/** Instants at which one action of every kind begins and succeeds. */
const steadyAt = [100, 1_500, 2_600, 3_500, 6_500];

export const goodRun: Outcome = {
  served: [
    ...steadyAt.flatMap((at) => [
      served('reads', at, 200),
      served('operators', at, 201),
      served('webhooks', at, 200),
    ]),
    served('webhooks', 1_000, 502, { by: null, cutBy: ['A'] }),
    served('reads', 1_000, 200, { by: 'B', cutBy: ['A'] }),
    served('operators', 1_100, 201, { by: 'B', refusedBy: ['A'] }),
    served('operators', 5_100, 503, notReady),
    served('reads', 5_200, 200),
    served('inbox questions', 100, 404, { code: 'event_not_found' }),
    served('checkouts', 100, 409, { code: 'feature_revoked' }),
  ],
  phases,
  crowd: { done: new Map(deeds.map((deed) => [deed, 3])), judged: 100, old: [], wrong: [] },
  inbox: {
    ...{ acknowledged: 20, inInbox: 20, undelivered: 0 },
    ...{ lost: [], unprocessed: [], repeated: [] },
  },
  words: { acknowledged: 6, recorded: 6 },
  inTheEnd: { asked: 60, wrong: [] },
  killed: 'A',
  cacheTtlSeconds: 1,
};
