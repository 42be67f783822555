import type { FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import { faultSentences, type FieldFault, pathText, type RequestPart } from './faults.ts';
import { ProblemError } from './problem.ts';

/** The parts of a request, by Fastify's names. */
const parts: Readonly<Record<string, RequestPart>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
};

/**
 * Validates the parts of a request with their zod schemas. Faults become a `bad_request` that names the
 * fields.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({
  schema,
  httpPart,
  method,
}) => {
  const part = parts[httpPart ?? ''] ?? 'body';
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(method);
  return (data: unknown) => {
    // Fastify passes `null` for a missing body.
    const result = schema.safeParse(data ?? undefined, { error: explainIssue });
    if (result.success) return { value: result.data };
    const faults = fieldFaults(result.error.issues).map((fault) =>
      part === 'query' && hasBody && fault.path === 'project_id'
        ? { ...fault, message: 'is not accepted here: send it in the body' }
        : fault,
    );
    return { error: new ProblemError('bad_request', faultSentences(faults, part), faults) };
  };
};

/** Returns one fault per field. Zod combines all unknown fields of an object in one issue. */
export function fieldFaults(issues: readonly z.core.$ZodIssue[]): FieldFault[] {
  const messages = new Map<string, string>();
  for (const issue of issues) {
    const paths =
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => [...issue.path, key])
        : [issue.path];
    for (const path of paths.map(pathText)) {
      // Only a field's first fault is reported: an empty id, for example, is also malformed.
      if (!messages.has(path)) messages.set(path, issue.message);
    }
  }
  return [...messages].map(([path, message]) => ({ path, message }));
}

/**
 * Returns the message for a zod issue, as a predicate about the field. A schema's own `error` takes
 * precedence.
 */
export const explainIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return faultOfType(issue.expected, issue.input, exampleOf(issue.inst));
    case 'invalid_value':
      return `${issue.input === undefined ? 'is required: send' : 'must be'} ${oneOf(issue.values)}`;
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty';
      return `must ${be(issue.origin)} at least ${amount(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `must ${be(issue.origin)} at most ${amount(issue.maximum, issue.origin)}`;
    case 'invalid_format':
      return issue.format === 'email' ? 'must be an email address such as `jo@example.com`' : null;
    case 'unrecognized_keys':
      return unknownField(issue.inst);
    case 'invalid_key':
      return `is not a valid key: a key ${issue.issues[0]?.message ?? 'must have another form'}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_union':
    case 'not_multiple_of':
      return null;
  }
};

function faultOfType(expected: string, input: unknown, example: string | null): string {
  const wanted = kinds[expected] ?? expected;
  if (input === undefined) {
    return `is required: send ${wanted}${example === null ? '' : ` such as \`${example}\``}`;
  }
  const given = kinds[kindOf(input)];
  const isRedundant = typeof input === 'number' && wanted.endsWith('number');
  return isRedundant || given === undefined
    ? `must be ${wanted}`
    : `must be ${wanted}, not ${given}`;
}

/** The names that messages use for zod's types. */
const kinds: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  array: 'an array',
  object: 'an object',
  record: 'an object',
  null: '`null`',
};

function kindOf(input: unknown): string {
  if (input === null) return 'null';
  return Array.isArray(input) ? 'array' : typeof input;
}

function exampleOf(schema: z.core.$ZodRawIssue['inst']): string | null {
  const examples = schema instanceof z.ZodType ? z.globalRegistry.get(schema)?.['examples'] : null;
  const example: unknown = Array.isArray(examples) ? examples[0] : null;
  return typeof example === 'string' ? example : null;
}

function unknownField(schema: z.core.$ZodRawIssue['inst']): string {
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const remedy = names.length === 0 ? 'leave it out' : `use ${oneOf(names)}, or leave it out`;
  return `is not known: ${remedy}`;
}

function oneOf(words: readonly unknown[]): string {
  const quoted = words.map((word) => `\`${String(word)}\``).join(', ');
  return words.length === 1 ? quoted : `one of ${quoted}`;
}

function be(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'have' : 'be';
}

function amount(bound: number | bigint, origin: string): string {
  const number = bound.toLocaleString('en');
  const unit = origin === 'string' ? 'character' : origin === 'array' ? 'item' : null;
  if (unit === null) return number;
  return `${number} ${unit}${bound === 1 ? '' : 's'}`;
}
