import type { Served } from './balancer.ts';
import { isError, type Kind, kindOf, phaseNames } from './figures.ts';
import type { Phase } from './plan.ts';

/* Checks whether a run did enough to prove anything. Pure. */

/** Actions that must occur at least once in a run. */
const deeds = [
  ...(['plans bought', 'passes bought', 'changes of plan', 'cancellations', 'refunds'] as const),
  ...(['renewals', 'success pages', 'grants', 'revocations'] as const),
] as const;
export type Deed = (typeof deeds)[number];

/** Actions that must occur in every phase. */
const steady: readonly Kind[] = ['reads', 'operators', 'webhooks'];

const faults = ['killed', 'restarted', 'redis', 'postgres'] as const;

export interface Substance {
  served: readonly Served[];
  phases: readonly Phase[];
  done: ReadonlyMap<Deed, number>;
  judged: number;
  acknowledged: number;
}

/** Returns what is missing for the run to prove anything, as sentences. */
export function missing({ served, phases, done, judged, acknowledged }: Substance): string[] {
  const lacks = deeds.filter((deed) => (done.get(deed) ?? 0) === 0).map((deed) => `no ${deed}`);
  if (judged === 0) lacks.push('no answer was judged');
  if (acknowledged === 0) lacks.push('no event was acknowledged');
  for (const fault of faults) {
    const phase = phases.find((each) => each.fault === fault);
    if (phase === undefined) {
      lacks.push(`nothing of: ${phaseNames[fault]}`);
      continue;
    }
    const within = served.filter(
      ({ startedAt, endedAt }) => startedAt >= phase.from && endedAt <= phase.to,
    );
    // Actions that cannot succeed while Postgres is away must succeed afterwards.
    const meant = fault === 'postgres' ? served.filter(isAfter(phase)) : within;
    const when = `${phaseNames[fault]}${fault === 'postgres' ? ', and back' : ''}`;
    for (const kind of steady) {
      if (!meant.some(wentWell(kind))) lacks.push(`${when}: none of the ${kind} succeeded`);
    }
    if (fault === 'postgres') lacks.push(...missingInOutage(within));
  }
  return lacks;
}

/** Postgres was away if requests were refused; from the first refusal on, the cache must answer. */
function missingInOutage(within: readonly Served[]): string[] {
  const refused = within.filter(({ status }) => status === 503).map(({ startedAt }) => startedAt);
  if (refused.length === 0) return ['Postgres away: no request was refused'];
  const away = Math.min(...refused);
  const fromCache = within.filter(({ startedAt }) => startedAt > away).some(wentWell('reads'));
  return fromCache ? [] : ['Postgres away: no read was answered from the cache'];
}

function isAfter({ to }: Phase): (served: Served) => boolean {
  return ({ startedAt }) => startedAt > to;
}

function wentWell(kind: Kind): (served: Served) => boolean {
  return (served) => kindOf(served) === kind && !isError(served);
}
