import { ProblemError } from './problem.ts';

/** Path segments that callers often forget or add. Comparisons ignore them. */
const prefixes: ReadonlySet<string> = new Set(['', 'api', 'v1', 'admin']);

/** Maximum length of a path for which to suggest another, to bound the cost of the comparison. */
const maxComparedLength = 100;

/** A path with the methods that it accepts. */
interface Route {
  segments: readonly string[];
  methods: Set<string>;
}

/** The response to a request that matches no route. */
interface Unrouted {
  problem: ProblemError;
  /** The methods of the path, for the `Allow` header; empty if the path does not exist. */
  allow: readonly string[];
}

export interface RouteList {
  add(method: string, url: string): void;
  /**
   * Explains why no route matches a request.
   *
   * @param url the URL as the client sent it, including the query.
   */
  explain(method: string, url: string): Unrouted;
}

/**
 * Creates a list of the routes that explains requests without a route: either the path exists with other
 * methods, or the path is unknown and the closest known one is suggested.
 */
export function createRouteList(): RouteList {
  const routes = new Map<string, Route>();

  function closest(
    segments: readonly string[],
    among: readonly Route[],
    maxDistance = Infinity,
  ): string | null {
    const given = withoutPrefixes(segments);
    let best: Route | null = null;
    let least = maxDistance + 1;
    for (const route of among) {
      const distance = distanceTo(route, given);
      if (distance < least) [best, least] = [route, distance];
    }
    return best === null ? null : toPath(best);
  }

  return {
    add(method, url) {
      if (url.includes('*')) return;
      const route = routes.get(url) ?? { segments: url.split('/'), methods: new Set() };
      routes.set(url, route);
      route.methods.add(method);
    },
    explain(method, url) {
      const segments = (url.split('?', 1)[0] ?? '').split('/');
      const matching = [...routes.values()].filter((route) => matches(route, segments));
      const allow = [...new Set(matching.flatMap(({ methods }) => [...methods]))].sort();
      const [first] = matching;
      if (first !== undefined) {
        const methods = allow.filter((each) => each !== 'HEAD').join(', ');
        // Allows one differing letter: `grants` may be a typo of `grant`, but `projects` is not a typo of
        // `products`.
        const accepting = [...routes.values()].filter((route) => route.methods.has(method));
        const other = closest(segments, accepting, 1);
        const hint = other === null ? '' : ` Did you mean ${other}?`;
        const detail = `${toPath(first)} does not accept ${method}. It accepts ${methods}.${hint}`;
        return { allow, problem: new ProblemError('method_not_allowed', detail) };
      }
      const path = closest(segments, [...routes.values()]);
      const detail =
        path === null
          ? 'The path does not exist. /openapi.json lists all paths.'
          : `The path does not exist. Did you mean ${path}?`;
      return { allow, problem: new ProblemError('not_found', detail) };
    },
  };
}

function matches({ segments }: Route, given: readonly string[]): boolean {
  return (
    segments.length === given.length &&
    segments.every((segment, at) => (isParam(segment) ? given[at] !== '' : segment === given[at]))
  );
}

function isParam(segment: string): boolean {
  return segment.startsWith(':');
}

/** Returns the path in the notation of the OpenAPI document. */
function toPath({ segments }: Route): string {
  return segments.map((one) => (isParam(one) ? `{${one.slice(1)}}` : one)).join('/');
}

function withoutPrefixes(segments: readonly string[]): string[] {
  return segments.map((one) => one.toLowerCase()).filter((one) => !prefixes.has(one));
}

/**
 * Returns the number of differing letters, ignoring the values of parameters; infinity if there are too many
 * for a typo.
 */
function distanceTo(route: Route, given: readonly string[]): number {
  const segments = withoutPrefixes(route.segments);
  if (segments.length !== given.length || segments.length === 0) return Infinity;
  const here = given.filter((_, at) => !isParam(segments[at] ?? '')).join('/');
  const there = segments.filter((one) => !isParam(one)).join('/');
  const maxEdits = Math.min(2, Math.floor(there.length / 3));
  if (here.length > maxComparedLength || Math.abs(here.length - there.length) > maxEdits)
    return Infinity;
  const distance = edits(here, there);
  return distance <= maxEdits ? distance : Infinity;
}

/** Returns the Levenshtein distance between two strings. */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let index = 0; index < one.length; index += 1) {
    const next = [index + 1];
    for (let at = 0; at < other.length; at += 1) {
      next.push(
        Math.min(
          (row[at] ?? 0) + (other[at] === one[index] ? 0 : 1),
          (row[at + 1] ?? 0) + 1,
          (next[at] ?? 0) + 1,
        ),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
