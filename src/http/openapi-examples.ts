import type { SwaggerTransformObject } from '@fastify/swagger';

/** The part of a JSON schema that this file reads. */
interface JsonSchema {
  examples?: unknown[];
  format?: string;
  minimum?: number;
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
 * Adds a valid example request to each operation: the examples of the schema or, without any, the required
 * fields. The page at `/docs` sends it by default. Without it, the page would generate invalid values for
 * every field.
 */
export function documentExamples(transform: SwaggerTransformObject): SwaggerTransformObject {
  return (input) => {
    const document = transform(input);
    if (!('paths' in document)) return document;
    const paths = (document.paths ?? {}) as Record<string, Record<string, Operation>>; // typed loosely by @fastify/swagger
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    for (const { parameters = [], requestBody } of operations) {
      for (const parameter of parameters) if (parameter.required !== true) disable(parameter);
      const content = requestBody?.content?.['application/json'];
      // A schema that has its own examples keeps them.
      if (content?.schema === undefined || content.examples !== undefined) continue;
      content.example ??= exampleOf(content.schema);
    }
    return document;
  };
}

/** Keeps an optional parameter's example, but deselects the parameter on the page. */
function disable(parameter: Parameter): void {
  const { schema = {}, example } = parameter;
  Reflect.deleteProperty(parameter, 'example');
  const value = example ?? schema.default ?? exampleOf(schema);
  if (value !== undefined) parameter.examples = { default: { value, 'x-disabled': true } };
}

function exampleOf(schema: JsonSchema): unknown {
  const { examples, anyOf, items, properties, required = [] } = schema;
  const example = examples?.[0] ?? schema.enum?.[0] ?? schema.minimum;
  if (example !== undefined) return example;
  if (schema.format === 'date-time') return '2026-11-01T00:00:00.000Z';
  if (anyOf?.[0] !== undefined) return exampleOf(anyOf[0]);
  if (items !== undefined) return [exampleOf(items)];
  if (properties === undefined) return undefined;
  return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {})]));
}
