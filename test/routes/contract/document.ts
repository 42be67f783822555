import type { ProblemCode } from '../../../src/http/problem-table.ts';
import { problems } from '../../../src/http/problem-table.ts';
import { at, entriesAt } from '../../helpers/json.ts';
import type { TestService } from '../../helpers/service.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof methods)[number];

/** A route as the OpenAPI document of the running application describes it. */
export interface ContractRoute {
  /** Method and path, such as `GET /api/v1/admin/projects/{id}`. */
  name: string;
  method: Method;
  path: string;
  /** The scope that a key needs, `platform` where only the platform's does; null where none is asked for. */
  scope: string | null;
  /** Whether a user token may call it. */
  takesUserTokens: boolean;
  takesProject: boolean;
  takesBody: boolean;
  parameters: { name: string; in: 'path' | 'query'; schema: unknown; required: boolean }[];
  body: unknown;
  /** The documented statuses, such as `201`. */
  statuses: number[];
  /** The codes of problems promised. */
  codes: ProblemCode[];
}

/** Every route that the running application documents. */
export async function loadContract(service: TestService): Promise<ContractRoute[]> {
  const document: unknown = JSON.parse((await service.app.inject('/openapi.json')).body);
  return entriesAt(document, 'paths').flatMap(([path, operations]) =>
    entriesAt(operations).map(([method, operation]) => routeOf(path, method, operation)),
  );
}

function routeOf(path: string, lowerCase: string, operation: unknown): ContractRoute {
  const method = methods.find((known) => known === lowerCase.toUpperCase());
  if (method === undefined) throw new Error(`a method that the tests cannot send: ${lowerCase}`);
  const parameters = entriesAt(operation, 'parameters').map(([, parameter]) => ({
    name: String(at(parameter, 'name')),
    in: at(parameter, 'in') === 'path' ? ('path' as const) : ('query' as const),
    schema: at(parameter, 'schema'),
    required: at(parameter, 'required') === true,
  }));
  const body = at(operation, 'requestBody', 'content', 'application/json', 'schema');
  const scope = at(operation, 'x-scope');
  // `4XX` stands for requests that are not valid HTTP and reach no route.
  const responses = entriesAt(operation, 'responses').filter(([status]) => status !== '4XX');
  return {
    name: `${method} ${path}`,
    method,
    path,
    scope: typeof scope === 'string' ? scope : null,
    takesUserTokens: entriesAt(operation, 'security').some(
      ([, alternative]) => at(alternative, 'userToken') !== undefined,
    ),
    takesProject:
      JSON.stringify(body ?? '').includes('"project_id"') ||
      parameters.some(({ name }) => name === 'project_id'),
    takesBody: body !== undefined,
    parameters,
    body,
    statuses: responses.map(([status]) => Number(status)),
    codes: responses.flatMap(([, response]) => codesIn(String(at(response, 'description')))),
  };
}

function codesIn(description: string): ProblemCode[] {
  if (!description.startsWith('Problem: ')) return [];
  return codes.filter((code) => description.includes(`\`${code}\``));
}

const codes = Object.keys(problems) as ProblemCode[]; // the table's own keys

/**
 * Every route of the running application, documented or not, with parameters as `{name}`: Fastify's own
 * table, which it prints as a tree.
 */
export function registeredRoutes(service: TestService): string[] {
  const parents: string[] = [];
  return service.app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, part, listed] = /^([│ ]*)[├└]── (.*) \((.*)\)$/.exec(line) ?? [];
      if (indent === undefined || part === undefined || listed === undefined) return [];
      const depth = indent.length / 4;
      const path = `${parents[depth - 1] ?? ''}${part}`;
      parents[depth] = path;
      return listed
        .split(', ')
        .filter((method) => method !== 'HEAD')
        .map((method) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    });
}
