import fc from 'fast-check';
import { at, entriesAt } from '../../helpers/json.ts';
import type { ContractRoute } from './document.ts';
import type { Ask, RouteSample } from './route-sample.ts';
import type { Ids } from './world.ts';

/** Values that exist, by the name of the field or parameter that carries them. */
export type Pools = Record<string, readonly unknown[]>;

/**
 * Requests to a route: some as its sample has it, some as its schemas say, and either of them with
 * something spoiled.
 */
export function arbitraryAsk(
  route: ContractRoute,
  sample: RouteSample,
  ids: fc.Arbitrary<Ids>,
  pools: Pools,
): fc.Arbitrary<Ask> {
  const ofPlace = (place: 'path' | 'query'): fc.Arbitrary<Record<string, string>> => {
    // A long poll waits in real time.
    const parameters = route.parameters.filter(
      (parameter) => parameter.in === place && parameter.name !== 'wait_seconds',
    );
    return fc
      .record(
        Object.fromEntries(
          parameters.map(({ name, schema }) => [
            name,
            valueOf(schema, place === 'path' ? nameInPath(route, name) : name, pools),
          ]),
        ),
        { requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name) },
      )
      .map((values) => mapValues(values, (value) => String(value)));
  };
  const body = route.takesBody ? valueOf(route.body, 'body', pools) : fc.constant(undefined);
  const bySchema = fc.record({ params: ofPlace('path'), query: ofPlace('query'), body });
  const valid = fc.oneof(
    ids.map((some): Ask => sample.ask(some)),
    bySchema,
  );
  return fc.oneof(
    { weight: 3, arbitrary: valid },
    { weight: 2, arbitrary: spoiledAt(valid, 'body') },
    { weight: 1, arbitrary: spoiledAt(valid, 'query') },
  );
}

/** The path before a parameter `id` decides what it names: `revocations` of `/revocations/{id}`. */
function nameInPath({ path }: ContractRoute, name: string): string {
  return name === 'id' ? (/(\w+)\/\{id\}/.exec(path)?.[1] ?? name) : name;
}

/** A value as a JSON schema says; of a name that has a pool mostly one that exists. */
function valueOf(schema: unknown, name: string, pools: Pools): fc.Arbitrary<unknown> {
  const bySchema = ofSchema(schema, name, pools);
  const pool = pools[name];
  if (pool === undefined) return bySchema;
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...pool) },
    { weight: 1, arbitrary: bySchema },
  );
}

function ofSchema(schema: unknown, name: string, pools: Pools): fc.Arbitrary<unknown> {
  const listed = at(schema, 'enum');
  if (Array.isArray(listed)) return fc.constantFrom(...(listed as unknown[]));
  const choices = at(schema, 'anyOf');
  if (Array.isArray(choices)) {
    return fc.oneof(...choices.map((choice) => ofSchema(choice, name, pools)));
  }
  switch (at(schema, 'type')) {
    case 'object':
      return objectOf(schema, pools);
    case 'array': {
      const [minLength, maxLength] = [numberAt(schema, 'minItems', 0), 4];
      return fc.array(valueOf(at(schema, 'items'), name, pools), { minLength, maxLength });
    }
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.integer({
        min: Math.max(numberAt(schema, 'minimum', -10), -(2 ** 31)),
        max: Math.min(numberAt(schema, 'maximum', 1_000), 2 ** 31 - 1),
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.oneof(fc.constantFrom(true, 1, 5, 'unlimited', { dark: true }), fc.jsonValue());
  }
}

function objectOf(schema: unknown, pools: Pools): fc.Arbitrary<unknown> {
  const properties = entriesAt(schema, 'properties');
  const more = at(schema, 'additionalProperties');
  if (properties.length === 0 && typeof more === 'object' && more !== null) {
    const key = valueOf(at(schema, 'propertyNames'), 'feature_code', pools).map(String);
    return fc.dictionary(key, valueOf(more, 'value', pools), { maxKeys: 3 });
  }
  const required = at(schema, 'required');
  return fc.record(
    Object.fromEntries(properties.map(([name, inner]) => [name, valueOf(inner, name, pools)])),
    { requiredKeys: Array.isArray(required) ? required.map(String) : [] },
  );
}

const firstDay = Date.parse('2026-10-01T00:00:00Z');
const lastDay = Date.parse('2026-12-31T00:00:00Z');

function textOf(schema: unknown): fc.Arbitrary<string> {
  if (at(schema, 'format') === 'date-time') {
    return fc
      .integer({ min: firstDay, max: lastDay })
      .map((instant) => new Date(instant).toISOString());
  }
  const minLength = numberAt(schema, 'minLength', 0);
  const maxLength = Math.min(numberAt(schema, 'maxLength', 40), 40);
  const pattern = at(schema, 'pattern');
  const any = fc.string({ unit: 'grapheme', minLength, maxLength });
  if (typeof pattern !== 'string') return any;
  // fast-check's generator for patterns lacks Unicode properties.
  return pattern.includes('\\p{')
    ? any.filter((text) => new RegExp(pattern, 'u').test(text))
    : fc.stringMatching(new RegExp(pattern));
}

function numberAt(schema: unknown, name: string, otherwise: number): number {
  const found = at(schema, name);
  return typeof found === 'number' ? found : otherwise;
}

const oddities: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  9_007_199_254_740_993,
  '',
  ' ',
  'a\0b',
  '\ud800',
  'x'.repeat(2_000),
  "'; drop table users; --",
  '9999-12-31T23:59:59.999Z',
  '0001-01-01T00:00:00Z',
  [],
  {},
  [[[[[[]]]]]],
  { toString: 1 },
];

const oddTexts = [
  ...oddities.filter((each) => typeof each === 'string'),
  '1e999',
  '-1',
  '%',
  'null',
];

/** The request with one thing in its body or query replaced, taken away, or put in beside the others. */
function spoiledAt(asks: fc.Arbitrary<Ask>, place: 'body' | 'query'): fc.Arbitrary<Ask> {
  const odd = fc.constantFrom(...(place === 'body' ? oddities : oddTexts));
  const how = fc.constantFrom('replaced', 'taken away', 'added', 'whole');
  return fc.tuple(asks, how, odd, fc.nat()).map(([ask, change, value, choice]) => {
    const fields = Object.fromEntries(entriesAt(ask[place]));
    const names = Object.keys(fields);
    const name = names[choice % Math.max(names.length, 1)] ?? 'not_known';
    if (change === 'whole' && place === 'body') {
      return { ...ask, body: choice % 2 === 0 ? value : '{"half":' };
    }
    if (change === 'taken away') Reflect.deleteProperty(fields, name);
    else fields[change === 'added' ? 'not_known' : name] = value;
    return { ...ask, [place]: fields };
  });
}

function mapValues<From, To>(
  values: Record<string, From>,
  change: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
