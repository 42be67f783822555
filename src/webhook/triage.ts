import { dotSegment } from '../http/schemas.ts';
import { type EventRule, eventRules, type Urgency } from './events.ts';
import type { SyncedRef } from './sync-queue.ts';
import type { VerifiedEvent } from './verify.ts';

type Outcome = 'accepted' | 'unknown_type' | 'foreign_account' | 'foreign_mode' | 'no_object';

/** What an event asks for: objects to fetch, the one that access depends on first, or why none. */
export interface Triage {
  outcome: Outcome;
  objects: SyncedRef[];
  urgency: Urgency;
}

/** Whose events are ours: the mode told by the key, and the account where one is configured. */
export interface OwnStripe {
  livemode: boolean;
  accountId: string | undefined;
}

/** What to do about an event; pure. Foreign and unknown ones are kept and ignored, never refused. */
export function triage(event: VerifiedEvent, own: OwnStripe): Triage {
  if (event.livemode !== own.livemode) return ignored('foreign_mode');
  if (foreignAccountOf(event, own.accountId) !== undefined) return ignored('foreign_account');
  const rule = ruleOf(event.type);
  if (rule === undefined) return ignored('unknown_type');
  const objects = namedObjects(event.type, event.data.object);
  return objects.length === 0
    ? ignored('no_object')
    : { outcome: 'accepted', objects, urgency: rule.urgency };
}

/**
 * The account that an event is about, where it is not ours; pure. `account` comes with Connect alone, so
 * one that is not known to be ours is foreign. `context` may come with our own events, too: where our
 * account is not known (`STRIPE_ACCOUNT_ID`), it says nothing.
 */
function foreignAccountOf(
  { account, context }: Pick<VerifiedEvent, 'account' | 'context'>,
  ownId: string | undefined,
): string | undefined {
  if (account !== undefined && account !== ownId) return account;
  // A path, such as that of an account below its organization: the last part is whose event it is.
  const origin = context?.split('/').at(-1) ?? '';
  return ownId === undefined || origin === '' || origin === ownId ? undefined : origin;
}

function ruleOf(type: string): EventRule | undefined {
  return Object.hasOwn(eventRules, type) ? eventRules[type] : undefined;
}

/** The objects to fetch that an event's payload names, the one that access depends on first; pure. */
export function namedObjects(type: string, object: unknown): SyncedRef[] {
  return (ruleOf(type)?.leads ?? []).flatMap(({ objectType, paths }) => {
    const objectId = paths.map((path) => idAt(object, path)).find((id) => id !== undefined);
    return objectId === undefined ? [] : [{ objectType, objectId }];
  });
}

function ignored(outcome: Outcome): Triage {
  return { outcome, objects: [], urgency: 2 };
}

/** A reference is an id, or the object itself where it came expanded. */
function idAt(object: unknown, path: string): string | undefined {
  let value = object;
  for (const name of path.split('.')) value = fieldOf(value, name);
  return isRecord(value) ? idOf(fieldOf(value, 'id')) : idOf(value);
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Stripe's ids have up to 255 characters. */
function idOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > 255) return undefined;
  return dotSegment.test(value) ? undefined : value;
}
