import { z } from 'zod';
import type { Sandbox } from '../contract.ts';

/** A route below `/_sandbox`, for use with curl. */
export interface Command {
  method: 'GET' | 'POST' | 'DELETE';
  /** The path below `/_sandbox`. */
  path: string;
  /** Describes the parameters. */
  takes: string;
  does: string;
  run: (sandbox: Sandbox, input: unknown) => Promise<object>;
}

/** Creates a command that parses its parameters with a schema. */
export function command<S extends z.ZodType>(
  route: Omit<Command, 'run'>,
  schema: S,
  run: (sandbox: Sandbox, input: z.output<S>) => Promise<object> | object,
): Command {
  return { ...route, run: async (sandbox, input) => run(sandbox, schema.parse(input)) };
}

/** A number, sent in JSON or in a form. */
export const count = z.coerce.number();

/** A boolean, sent in JSON or in a form. */
export const yes = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((value) => value === 'true'),
]);

export const nothing = z.object({});
