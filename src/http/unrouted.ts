import { ProblemError } from './problem.ts';

/** Parts of paths that callers forget or add, and that name nothing. */
const prefixes: ReadonlySet<string> = new Set(['', 'api', 'v1', 'admin']);

/** Longer paths get no suggestion, so that looking for one costs little. */
const longestCompared = 100;

/** A path with the methods that it takes. */
interface Route {
  segments: readonly string[];
  methods: Set<string>;
}

/** What to answer where no route takes a request. */
interface Unrouted {
  problem: ProblemError;
  /** The methods of the path, for `Allow`; empty = there is no such path. */
  allow: readonly string[];
}

export interface RouteList {
  add(method: string, url: string): void;
  /** @param url as the client sent it, with its query. */
  explain(method: string, url: string): Unrouted;
}

/**
 * Returns a list of the routes that tells a client what is wrong with a request that none of them takes:
 * another method of a known path, or an unknown path, with the closest known one.
 */
export function createRouteList(): RouteList {
  const routes = new Map<string, Route>();

  function closest(
    segments: readonly string[],
    among: readonly Route[],
    most = Infinity,
  ): string | null {
    const given = withoutPrefixes(segments);
    let best: Route | null = null;
    let least = most + 1;
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
      const matching = [...routes.values()].filter((route) => takes(route, segments));
      const allow = [...new Set(matching.flatMap(({ methods }) => [...methods]))].sort();
      const [first] = matching;
      if (first !== undefined) {
        const methods = allow.filter((each) => each !== 'HEAD').join(', ');
        // One letter: `grants` is `grant` mistaken, and `projects` is not `products` mistyped.
        const taking = [...routes.values()].filter((route) => route.methods.has(method));
        const other = closest(segments, taking, 1);
        const hint = other === null ? '' : ` Did you mean ${other}?`;
        const detail = `${toPath(first)} does not take ${method}. It takes ${methods}.${hint}`;
        return { allow, problem: new ProblemError('method_not_allowed', detail) };
      }
      const path = closest(segments, [...routes.values()]);
      const detail =
        path === null
          ? 'There is no such path. /openapi.json lists all.'
          : `There is no such path. Did you mean ${path}?`;
      return { allow, problem: new ProblemError('not_found', detail) };
    },
  };
}

function takes({ segments }: Route, given: readonly string[]): boolean {
  return (
    segments.length === given.length &&
    segments.every((segment, at) => (isParam(segment) ? given[at] !== '' : segment === given[at]))
  );
}

function isParam(segment: string): boolean {
  return segment.startsWith(':');
}

/** Returns the path as the OpenAPI document writes it. */
function toPath({ segments }: Route): string {
  return segments.map((one) => (isParam(one) ? `{${one.slice(1)}}` : one)).join('/');
}

function withoutPrefixes(segments: readonly string[]): string[] {
  return segments.map((one) => one.toLowerCase()).filter((one) => !prefixes.has(one));
}

/** Returns how many letters differ, whatever stands for parameters; infinite where it is more than a typing error. */
function distanceTo(route: Route, given: readonly string[]): number {
  const segments = withoutPrefixes(route.segments);
  if (segments.length !== given.length || segments.length === 0) return Infinity;
  const here = given.filter((_, at) => !isParam(segments[at] ?? '')).join('/');
  const there = segments.filter((one) => !isParam(one)).join('/');
  const most = Math.min(2, Math.floor(there.length / 3));
  if (here.length > longestCompared || Math.abs(here.length - there.length) > most) return Infinity;
  const distance = edits(here, there);
  return distance <= most ? distance : Infinity;
}

/** Returns how many letters are inserted, deleted or replaced to make one text of the other (Levenshtein). */
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
