import type { Served } from './balancer.ts';
import type { OldAnswer } from './crowd.ts';
import type { Phase } from './plan.ts';

/* What a run came to, in figures; pure. */

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

/** Null for what only belongs to setting up and looking after. */
export function kindOf({ method, path }: Pick<Served, 'method' | 'path'>): Kind | null {
  return kinds.find(([, by, pattern]) => by === method && pattern.test(path))?.[0] ?? null;
}

/**
 * During which fault a request was under way, if only for a moment; of several, Postgres's, which is the
 * one that has to cost answers.
 */
function phaseOf(served: Served, phases: readonly Phase[]): PhaseName {
  const hit = ({ from, to }: Phase): boolean => served.startedAt <= to && served.endedAt >= from;
  const hits = phases.filter(hit).map(({ fault }) => fault);
  return hits.find((fault) => fault === 'postgres') ?? hits[0] ?? 'none';
}

/**
 * Whether an answer tells of a failure: of the service's, or of a connection that was cut. An event that
 * is asked for before it came (404), and what is told to wait or is not for sale (409), are no failures.
 */
function isError({ status }: Pick<Served, 'status'>): boolean {
  return status >= 500 || (status >= 400 && status !== 404 && status !== 409);
}

export interface KindFigures {
  kind: Kind;
  requests: number;
  /** By phase, and by status and code; `cut` where the balancer's connection broke and no status came. */
  errors: { phase: PhaseName; what: string; count: number }[];
  p50Ms: number;
  p99Ms: number;
  /** From the first request that failed to the end of the first after it that did not. */
  longestOutageMs: number;
}

export function figuresOf(served: readonly Served[], phases: readonly Phase[]): KindFigures[] {
  return kinds.flatMap(([kind]) => {
    const own = served.filter((each) => kindOf(each) === kind);
    return own.length === 0 ? [] : [kindFigures(kind, own, phases)];
  });
}

function kindFigures(kind: Kind, own: readonly Served[], phases: readonly Phase[]): KindFigures {
  const failed = own.filter(isError);
  const groups = Map.groupBy(failed, (each) => `${phaseOf(each, phases)} ${whatOf(each)}`);
  const took = own.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b);
  return {
    kind,
    requests: own.length,
    errors: [...groups.values()].flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      return [{ phase: phaseOf(first, phases), what: whatOf(first), count: group.length }];
    }),
    p50Ms: took[Math.floor(took.length * 0.5)] ?? NaN,
    p99Ms: took[Math.floor(took.length * 0.99)] ?? NaN,
    longestOutageMs: longestOutage(own),
  };
}

function whatOf({ by, status, code }: Served): string {
  return by === null ? 'cut' : code === null ? String(status) : `${status} ${code}`;
}

/** Without any request that went well in between. */
function longestOutage(served: readonly Served[]): number {
  let longest = 0;
  let failingSince: number | null = null;
  for (const each of served.toSorted((a, b) => a.endedAt - b.endedAt)) {
    if (isError(each)) failingSince ??= each.startedAt;
    else if (failingSince !== null) {
      longest = Math.max(longest, each.endedAt - failingSince);
      failingSince = null;
    }
  }
  return longest;
}

/**
 * The errors that must not be. While Postgres is away, a 503 is right. Where an instance is killed, what
 * it was at is cut off: no service can answer that. Everything else is a fault.
 */
export function forbiddenErrors(figures: readonly KindFigures[]): string[] {
  const allowed: ReadonlySet<string> = new Set(['postgres 503 not_ready', 'killed cut']);
  return figures.flatMap(({ kind, errors }) =>
    errors
      .filter(({ phase, what }) => !allowed.has(`${phase} ${what}`))
      .map(({ phase, what, count }) => `${kind}, ${phaseNames[phase]}: ${count} × ${what}`),
  );
}

/**
 * Old answers that must not be. Only a change that was made while Redis could not be told may show late,
 * and never by more than the time to live.
 */
export function forbiddenOld(
  old: readonly OldAnswer[],
  phases: readonly Phase[],
  cacheTtlSeconds: number,
): OldAnswer[] {
  const away = phases.filter(({ fault }) => fault === 'redis');
  return old.filter(
    ({ lagMs, change }) =>
      lagMs > cacheTtlSeconds * 1_000 ||
      !away.some(({ from, to }) => change.from <= to && change.by >= from),
  );
}

/** The figures for people. */
export function table(figures: readonly KindFigures[]): string {
  const heads = ['', 'requests', 'p50 ms', 'p99 ms', 'longest outage', 'errors'];
  const rows = figures.map(({ kind, requests, p50Ms, p99Ms, longestOutageMs, errors }) => [
    kind,
    String(requests),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    longestOutageMs === 0 ? '-' : `${(longestOutageMs / 1_000).toFixed(1)} s`,
    errors.length === 0
      ? '-'
      : errors.map((each) => `${phaseNames[each.phase]}: ${each.count} × ${each.what}`).join('; '),
  ]);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [heads, ...rows]
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 || column === row.length - 1
            ? cell.padEnd(width)
            : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
