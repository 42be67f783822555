import type { z } from 'zod';
import type { World } from '../state/world.ts';
import type { JsonObject } from '../wire.ts';
import type { FormTree } from './form.ts';
import { readParams } from './params.ts';

export type Method = 'GET' | 'POST' | 'DELETE';

/** An API route. `run` throws a `StripeFault` if Stripe would reject the request. */
export interface Endpoint {
  method: Method;
  path: string;
  run: (world: World, form: FormTree, ids: Ids) => JsonObject;
}

/** The values of `:id` and `:child` in the path. */
export interface Ids {
  id: string;
  child: string;
}

/**
 * Creates an API route that validates its parameters with a schema. `expand` is removed before validation.
 */
export function endpoint<S extends z.ZodType>(
  method: Method,
  path: string,
  schema: S,
  handle: (world: World, params: z.output<S>, ids: Ids) => JsonObject,
): Endpoint {
  return {
    method,
    path,
    run: (world, form, ids) => handle(world, readParams(schema, form), ids),
  };
}
