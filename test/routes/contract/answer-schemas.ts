import { z } from 'zod';
import type { TestService } from '../../helpers/service.ts';
import { at, entriesAt } from '../../helpers/json.ts';
import type { ContractRoute } from './document.ts';
import type { Answer } from './route-sample.ts';

/** Returns the difference between a response and the contract; null if there is none. */
export type CheckAnswer = (route: ContractRoute, answer: Answer) => string | null;

/** Checks answers against the schemas of the OpenAPI document that the service hands out. */
export async function loadAnswerCheck(service: TestService): Promise<CheckAnswer> {
  const document: unknown = JSON.parse((await service.app.inject('/openapi.json')).body);
  const definitions = Object.fromEntries(
    entriesAt(document, 'components', 'schemas').map(([name, schema]) => [name, local(schema)]),
  );
  const known = new Map<unknown, z.ZodType>();

  /** Made once: there are hundreds, and thousands of answers. */
  function schemaOf(part: unknown): z.ZodType {
    const made = known.get(part);
    if (made !== undefined) return made;
    const schema = z.fromJSONSchema({ ...local(part), $defs: definitions });
    known.set(part, schema);
    return schema;
  }

  return ({ path, method }, { status, text, type }) => {
    const responses = at(document, 'paths', path, method.toLowerCase(), 'responses');
    const response = at(responses, String(status));
    if (response === undefined) return `the status ${status} is not documented`;
    const documented = entriesAt(response, 'content');
    if (text === '') return documented.length === 0 || status === 304 ? null : 'the body is empty';
    const [mediaType = ''] = type.split(';');
    const [, content] = documented.find(([name]) => name === mediaType) ?? [];
    if (content === undefined) return `the type ${type} is not documented`;
    if (!mediaType.endsWith('json')) return null;
    const parsed = schemaOf(at(content, 'schema')).safeParse(JSON.parse(text));
    return parsed.success ? null : z.prettifyError(parsed.error);
  };
}

type JsonSchema = Exclude<Parameters<typeof z.fromJSONSchema>[0], boolean>;

/** References of an OpenAPI document as those of a JSON schema that carries its definitions. */
function local(schema: unknown): JsonSchema {
  return JSON.parse(
    JSON.stringify(schema ?? {}).replaceAll('"#/components/schemas/', '"#/$defs/'),
  ) as JsonSchema; // OpenAPI 3.1 holds JSON schemas
}
