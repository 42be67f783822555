import { z } from 'zod';
import { invalid, type StripeFault } from '../stripe-error.ts';
import type { FormTree, FormValue } from './form.ts';
import { isWebAddress } from './web-address.ts';

/*
 * Schemas for the types of Stripe's parameters. A form contains only strings, so each schema also converts
 * its value.
 */

export const text = z.string().max(5000);

/** A URL to which a browser may be redirected. */
export const webAddress = text.refine(isWebAddress, 'Not a valid URL');

export const integer = z
  .string()
  .regex(/^-?\d{1,15}$/, 'Invalid integer')
  .transform(Number);

export const decimal = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/, 'Invalid decimal')
  .transform(Number);

export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** A parameter that is accepted but has no effect. */
export const inert = z.unknown().optional();

/** Returns a schema for a list, which a form contains as an object with numeric keys. */
export function listOf<T extends z.ZodType>(element: T) {
  return z.preprocess(
    (value) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value)
            .sort(([left], [right]) => Number(left) - Number(right))
            .map(([, entry]: [string, unknown]) => entry)
        : value,
    z.array(element),
  );
}

/** Metadata. An empty value removes its key, and an empty string instead of keys removes all of them. */
export const metadata = z.union([z.literal(''), z.record(z.string().max(40), z.string().max(500))]);

export type MetadataParam = z.output<typeof metadata>;

/** An exact timestamp, or bounds on one. */
export const range = z.union([
  integer.transform((value) => ({ gte: value, lte: value })),
  z.strictObject({
    gt: integer.optional(),
    gte: integer.optional(),
    lt: integer.optional(),
    lte: integer.optional(),
  }),
]);

/** Returns a schema in which an empty string clears the field. */
export function clearable<T extends z.ZodType>(kind: T) {
  return z.union([z.literal('').transform(() => null), kind]);
}

/**
 * Parses the parameters, or throws Stripe's 400 with a code such as `parameter_unknown` or
 * `parameter_missing`.
 */
export function readParams<T extends z.ZodType>(schema: T, form: FormTree): z.output<T> {
  const result = schema.safeParse(form);
  if (result.success) {
    return result.data;
  }
  throw faultOf(result.error.issues[0], form);
}

function faultOf(issue: z.core.$ZodIssue | undefined, form: FormTree): StripeFault {
  const path = issue?.path ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const param = bracketed([...path, issue.keys[0] ?? '']);
    return invalid(`Received unknown parameter: ${param}`, 'parameter_unknown', param);
  }
  const param = bracketed(path);
  if (valueAt(form, path) === undefined) {
    return invalid(`Missing required param: ${param}.`, 'parameter_missing', param);
  }
  if (issue?.message === 'Not a valid URL') return invalid(issue.message, 'url_invalid', param);
  const code =
    issue?.message === 'Invalid integer' ? 'parameter_invalid_integer' : 'parameter_invalid';
  return invalid(`Invalid ${param}: ${issue?.message ?? 'invalid value'}`, code, param);
}

function bracketed(path: readonly PropertyKey[]): string {
  const [first = '', ...rest] = path.map(String);
  return first + rest.map((segment) => `[${segment}]`).join('');
}

function valueAt(form: FormTree, path: readonly PropertyKey[]): FormValue | undefined {
  let value: FormValue | undefined = form;
  for (const segment of path) {
    value = typeof value === 'object' ? value[String(segment)] : undefined;
  }
  return value;
}

/** Returns the metadata after an update: given keys replace existing ones, and empty values remove them. */
export function mergedMetadata(
  current: Readonly<Record<string, string>>,
  given: MetadataParam | undefined,
): Record<string, string> {
  if (given === undefined) {
    return { ...current };
  }
  if (given === '') {
    return {};
  }
  return Object.fromEntries(
    Object.entries({ ...current, ...given }).filter(([, value]) => value !== ''),
  );
}
