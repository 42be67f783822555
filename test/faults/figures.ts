import { textTable } from '../helpers/text-table.ts';
import type { Served } from './balancer.ts';
import type { Phase } from './plan.ts';

/* The figures of a run. Pure. */

export const phaseNames = {
  none: 'all there',
  killed: 'one killed',
  restarted: 'one restarted',
  redis: 'Redis away',
  postgres: 'Postgres away',
} as const;
type PhaseName = keyof typeof phaseNames;

const kinds = [
  ['reads', 'GET', /\/entitlements(\/check)?$/],
  ['operators', 'POST', /\/admin\/(grant|revoke)$/],
  ['checkouts', 'POST', /\/checkout\/sessions$/],
  ['success pages', 'GET', /\/checkout\/sessions\//],
  ['webhooks', 'POST', /\/webhooks\/stripe$/],
  ['inbox questions', 'GET', /\/admin\/events\//],
] as const;
export type Kind = (typeof kinds)[number][0];

/** Null for requests of the set-up and of checks. */
export function kindOf({ method, path }: Pick<Served, 'method' | 'path'>): Kind | null {
  return kinds.find(([, by, pattern]) => by === method && pattern.test(path))?.[0] ?? null;
}

/**
 * Returns the fault that overlaps a request; of several, that of Postgres, the only one that may cost
 * answers.
 */
function phaseOf(served: Served, phases: readonly Phase[]): PhaseName {
  const hit = ({ from, to }: Phase): boolean => served.startedAt <= to && served.endedAt >= from;
  const hits = phases.filter(hit).map(({ fault }) => fault);
  return hits.find((fault) => fault === 'postgres') ?? hits[0] ?? 'none';
}

/** Codes of correct refusals: too early, not for sale, or the first attempt is still running. */
const refusals: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  operators: ['idempotency_in_progress'],
  checkouts: ['idempotency_in_progress', 'feature_revoked'],
  'inbox questions': ['event_not_found'],
};

/** Returns whether an answer is a failure of the service, a cut connection, or a mistake. */
export function isError(served: Served): boolean {
  const kind = kindOf(served);
  const { status, code } = served;
  const isRight = kind !== null && code !== null && refusals[kind]?.includes(code) === true;
  return status >= 400 && !(isRight && status < 500);
}

interface Trouble {
  phase: PhaseName;
  what: string;
  count: number;
}

export interface KindFigures {
  kind: Kind;
  requests: number;
  /** By status and code; without an answer, by the instance whose connection broke. */
  errors: Trouble[];
  /** Of requests that another instance then answered: by the instances that cut or refused them. */
  again: Trouble[];
  p50Ms: number;
  p99Ms: number;
  /** From the first failed request to the end of the next successful one. */
  longestOutageMs: number;
}

export function figuresOf(served: readonly Served[], phases: readonly Phase[]): KindFigures[] {
  return kinds.flatMap(([kind]) => {
    const own = served.filter((each) => kindOf(each) === kind);
    return own.length === 0 ? [] : [kindFigures(kind, own, phases)];
  });
}

function kindFigures(kind: Kind, own: readonly Served[], phases: readonly Phase[]): KindFigures {
  const took = own.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b);
  return {
    kind,
    requests: own.length,
    errors: troubles(own.filter(isError), phases, (each) => [whatOf(each)]),
    again: troubles(
      own.filter(({ by }) => by !== null),
      phases,
      ({ cutBy, refusedBy }) => [
        ...cutBy.map((name) => `cut by ${name}`),
        ...refusedBy.map((name) => `refused by ${name}`),
      ],
    ),
    p50Ms: took[Math.floor(took.length * 0.5)] ?? NaN,
    p99Ms: took[Math.floor(took.length * 0.99)] ?? NaN,
    longestOutageMs: longestOutage(own),
  };
}

/** Counts by phase and kind. */
function troubles(
  of: readonly Served[],
  phases: readonly Phase[],
  whats: (served: Served) => string[],
): Trouble[] {
  const counted = new Map<string, Trouble>();
  for (const each of of) {
    const phase = phaseOf(each, phases);
    for (const what of whats(each)) {
      const trouble = counted.get(`${phase} ${what}`) ?? { phase, what, count: 0 };
      trouble.count += 1;
      counted.set(`${phase} ${what}`, trouble);
    }
  }
  return [...counted.values()];
}

function whatOf({ by, status, code, cutBy }: Served): string {
  if (by === null) return cutBy.length === 0 ? 'nobody to ask' : `cut by ${cutBy.join(', ')}`;
  return code === null ? String(status) : `${status} ${code}`;
}

/** A stretch of failures without a success in between; without an end, it lasts until the last failure. */
function longestOutage(served: readonly Served[]): number {
  let longest = 0;
  let failingSince: number | null = null;
  for (const each of served.toSorted((a, b) => a.endedAt - b.endedAt)) {
    const fails = isError(each);
    if (fails) failingSince ??= each.startedAt;
    if (failingSince !== null) longest = Math.max(longest, each.endedAt - failingSince);
    if (!fails) failingSince = null;
  }
  return longest;
}

/** Renders the figures for people. */
export function table(figures: readonly KindFigures[]): string {
  const heads = ['', 'requests', 'p50 ms', 'p99 ms', 'longest outage', 'errors', 'asked again'];
  const list = (all: readonly Trouble[]): string =>
    all.map(({ phase, what, count }) => `${phaseNames[phase]}: ${count} × ${what}`).join('; ');
  const rows = figures.map(({ kind, requests, p50Ms, p99Ms, longestOutageMs, errors, again }) => [
    kind,
    String(requests),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    longestOutageMs === 0 ? '-' : `${(longestOutageMs / 1_000).toFixed(1)} s`,
    errors.length === 0 ? '-' : list(errors),
    again.length === 0 ? '-' : list(again),
  ]);
  return textTable([heads, ...rows], new Set([0, 5, 6]));
}
