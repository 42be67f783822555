import type { SwaggerTransformObject } from '@fastify/swagger';

/** The part of a JSON schema that this file reads. */
interface JsonSchema {
  examples?: unknown[];
  default?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

/** The part of an OpenAPI operation that this file reads and writes. */
interface Operation {
  parameters?: Parameter[];
  requestBody?: {
    content?: Record<string, { schema?: JsonSchema; example?: unknown; examples?: object }>;
  };
}

interface Parameter {
  required?: boolean;
  schema?: JsonSchema;
  example?: unknown;
  examples?: Record<string, object>;
}

/**
 * Adds to each operation a valid example request: its required parts, or the example of the body's schema.
 * The page at `/docs` sends it by default. Without it, the page would generate one with every field, empty
 * dates and an unknown project.
 */
export function documentExamples(transform: SwaggerTransformObject): SwaggerTransformObject {
  return (input) => {
    const document = transform(input);
    if (!('paths' in document)) return document;
    const paths = (document.paths ?? {}) as Record<string, Record<string, Operation>>; // as it writes them
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    for (const { parameters = [], requestBody } of operations) {
      for (const parameter of parameters) if (parameter.required !== true) leaveOut(parameter);
      const content = requestBody?.content?.['application/json'];
      // The body's own schema has its examples already (`examples`, or `x-examples` if it transforms).
      if (content?.schema === undefined || content.examples !== undefined) continue;
      content.example ??= exampleOf(content.schema);
    }
    return document;
  };
}

/** Keeps the example of an optional parameter, and disables it on the page until it is ticked. */
function leaveOut(parameter: Parameter): void {
  const { schema = {}, example } = parameter;
  Reflect.deleteProperty(parameter, 'example');
  const value = example ?? schema.default ?? exampleOf(schema);
  const known = value === undefined ? {} : { value };
  parameter.examples = { default: { ...known, 'x-disabled': true } };
}

function exampleOf(schema: JsonSchema): unknown {
  const { examples, anyOf, items, properties, required = [] } = schema;
  const given = examples?.[0] ?? schema.enum?.[0];
  if (given !== undefined) return given;
  if (anyOf?.[0] !== undefined) return exampleOf(anyOf[0]);
  if (items !== undefined) return [exampleOf(items)];
  if (properties === undefined) return undefined;
  return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {})]));
}
