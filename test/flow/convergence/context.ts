import type { Sandbox } from '../../../src/sandbox/sandbox.ts';
import type { Instance } from './instances.ts';
import type { Project, World } from './world.ts';

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** The environment of an action, with the objects that it picks from. */
export interface Context {
  world: World;
  project: Project;
  userId: string;
  /** Who acts through us acts through this one. */
  instance: Instance;
  /** Shows what was done. */
  other: Instance;
  /** Which of the things that could be acted on, and by how much. */
  pick: number;
}

/** An action, which does nothing if there is nothing to act on. */
export type Act = (context: Context) => Promise<unknown>;

/** One of them, by the context's pick. */
export function oneOf<T>({ pick }: Context, all: readonly [T, ...T[]]): T;
export function oneOf<T>({ pick }: Context, all: readonly T[]): T | undefined;
export function oneOf<T>({ pick }: Context, all: readonly T[]): T | undefined {
  return all[pick % Math.max(1, all.length)];
}

type Objects = ReturnType<typeof objectsOf>;

function objectsOf(sandbox: Sandbox) {
  return sandbox.objects(
    'customers',
    'sessions',
    'subscriptions',
    'subscriptionItems',
    'invoices',
    'charges',
    'refunds',
    'disputes',
  );
}

/** The customers that the user's checkouts used, and those whose metadata names the user. */
export function customersOf({ world, project, userId }: Context): string[] {
  const { customers, sessions } = objectsOf(world.sandbox);
  const opened = sessions.filter(({ id }) => project.sessionUsers.get(id) === userId);
  const named = customers.filter(
    ({ metadata }) =>
      metadata['project_id'] === project.projectId && metadata['user_id'] === userId,
  );
  return [
    ...new Set([
      ...opened.flatMap(({ customer }) => (typeof customer === 'string' ? [customer] : [])),
      ...named.map(({ id }) => id),
    ]),
  ];
}

/** One of the objects of a kind that belong to the user's customers. */
export function oneOfMine<K extends 'subscriptions' | 'invoices' | 'charges'>(
  context: Context,
  kind: K,
  keep: (row: Objects[K][number]) => boolean = () => true,
): Objects[K][number] | undefined {
  const customers = customersOf(context);
  const rows: readonly Objects[K][number][] = objectsOf(context.world.sandbox)[kind];
  return oneOf(
    context,
    rows.filter(
      (row) => typeof row.customer === 'string' && customers.includes(row.customer) && keep(row),
    ),
  );
}

/** One of all the objects of a kind, whosever they are. */
export function oneOfAll<K extends 'refunds' | 'disputes'>(
  context: Context,
  kind: K,
): Objects[K][number] | undefined {
  const rows: readonly Objects[K][number][] = objectsOf(context.world.sandbox)[kind];
  return oneOf(context, rows);
}

export function itemsOf({ world }: Context, subscriptionId: string) {
  return objectsOf(world.sandbox).subscriptionItems.filter(
    ({ subscription }) => subscription === subscriptionId,
  );
}

export function oneItem(context: Context, subscriptionId: string) {
  return oneOf(context, itemsOf(context, subscriptionId));
}

/** Time passes; what falls due at Stripe happens on the way. */
export async function pass({ world }: Context, ms: number): Promise<void> {
  const until = world.clock.now() + ms;
  world.clock.set(until);
  await world.sandbox.clock.advanceTo(until);
}

/** The service could not ask Stripe: nothing has happened. */
export class Refused extends Error {}
