import type { App } from '../../../src/http/app-types.ts';
import type { ProblemCode } from '../../../src/http/problem-table.ts';
import { at as valueAt, entriesAt } from '../../helpers/json.ts';
import type { ContractRoute } from './document.ts';
import type { Ids, World } from './world.ts';

/** A request, without the key. `body` as text is sent as it is. */
export interface Ask {
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Another key than that of `notes`. */
  by?: string;
  /** Another instance than the world's. */
  at?: App;
  /** The client's address; by default another one each time. */
  from?: string;
}

export interface RouteSample {
  /** Creates the request's prerequisites beyond the world, in the project `notes`. */
  make?: (world: World) => Promise<Partial<Ids>>;
  /** The request about these objects. It succeeds if they belong to the key's project. */
  ask: (ids: Ids) => Ask;
  /**
   * For each code of the route's `config.problems`, a request that gets it, with the key of `notes`. May be
   * omitted if `ask` with missing objects gets it.
   */
  problems?: Partial<Record<ProblemCode, (world: World) => Ask | Promise<Ask>>>;
  /** The same for what else it answers with, by status; the success is shown by `ask`. */
  statuses?: Record<number, (world: World) => Ask | Promise<Ask>>;
}

/** A body above the limit of 1 MiB. */
export const tooLarge = JSON.stringify('x'.repeat(1_048_577));

/** The samples of one room, by method and path. */
export type RouteSamples = Record<string, RouteSample>;

/** Returns the request, with its project if the route accepts one. */
export function inProject(route: ContractRoute, ask: Ask, projectId: string): Ask {
  if (!route.takesProject) return ask;
  const name = { project_id: projectId };
  return route.parameters.some((parameter) => parameter.name === 'project_id')
    ? { ...ask, query: { ...ask.query, ...name } }
    : { ...ask, body: { ...Object.fromEntries(entriesAt(ask.body)), ...name } };
}

/** Counts clients: each request comes from another one, since failed keys are limited per client. */
let clients = 0;

function newAddress(): string {
  clients += 1;
  return `10.0.${Math.floor(clients / 256) % 256}.${clients % 256}`;
}

/** Sends a sample's request with its own key or `key`; without one, anonymously. */
export async function send(
  app: App,
  route: Pick<ContractRoute, 'method' | 'path'>,
  { params = {}, query = {}, body, headers = {}, by, at = app, from = newAddress() }: Ask,
  key = by,
): Promise<Answer> {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    encodeURIComponent(params[name] ?? `no_${name}_in_the_sample`),
  );
  const response = await at.inject({
    method: route.method,
    url: path,
    remoteAddress: from,
    query,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    // A stream does not end by itself.
    payloadAsStream: true,
  });
  const type = response.headers['content-type'] ?? '';
  const sent = response.stream();
  let payload = '';
  for await (const part of sent.setEncoding('utf8')) {
    payload += String(part);
    if (type.startsWith('text/event-stream')) break;
  }
  return {
    status: response.statusCode,
    text: payload,
    type,
  };
}

export interface Answer {
  status: number;
  /** The body as it was sent. */
  text: string;
  /** Returns its content type; empty if there is none. */
  type: string;
}

/** The code of a problem; undefined for any other answer. */
export function codeOf({ text }: Answer): string | undefined {
  if (!text.startsWith('{')) return undefined;
  const code = valueAt(JSON.parse(text), 'code');
  return typeof code === 'string' ? code : undefined;
}
