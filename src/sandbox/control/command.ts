import { z } from 'zod';
import type { Sandbox } from '../contract.ts';

/** A route below `/_sandbox`, for use with curl. */
export interface Command {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below `/_sandbox`. */
  path: string;
  /** The description of its parameters. */
  takes: string;
  does: string;
  run: (sandbox: Sandbox, input: unknown) => Promise<object>;
}

/** Binds a command to the schema of its parameters. */
export function command<S extends z.ZodType>(
  route: Omit<Command, 'run'>,
  schema: S,
  run: (sandbox: Sandbox, input: z.output<S>) => Promise<object> | object,
): Command {
  return { ...route, run: async (sandbox, input) => run(sandbox, schema.parse(input)) };
}

/** A number, from JSON or from a form. */
export const count = z.coerce.number();

/** A boolean, from JSON or from a form. */
export const yes = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((value) => value === 'true'),
]);

export const nothing = z.object({});
