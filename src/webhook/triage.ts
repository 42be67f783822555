import { dotSegment } from '../http/schemas.ts';
import { type EventRule, eventRules, type Urgency } from './core/events.ts';
import type { SyncedRef } from './core/synced-object.ts';
import type { VerifiedEvent } from './verify.ts';

type Outcome = 'accepted' | 'unknown_type' | 'foreign_account' | 'foreign_mode' | 'no_object';

/**
 * The objects to sync for an event, the one that access depends on first; or the reason why there are none.
 */
export interface Triage {
  outcome: Outcome;
  objects: SyncedRef[];
  urgency: Urgency;
}

/** Identifies our own events: by the key's mode, and by the account if one is configured. */
export interface OwnStripe {
  livemode: boolean;
  accountId: string | undefined;
}

/**
 * Decides what to do about an event. Foreign and unknown events are stored and ignored, never refused.
 * Pure.
 */
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
 * Returns the account of an event, if it is not ours. Only Connect sends `account`, so it is foreign unless
 * it is known to be ours. Our own events may have a `context`, so it is ignored if our account is not known
 * (`STRIPE_ACCOUNT_ID`). Pure.
 */
function foreignAccountOf(
  { account, context }: Pick<VerifiedEvent, 'account' | 'context'>,
  ownId: string | undefined,
): string | undefined {
  if (account !== undefined && account !== ownId) return account;
  // A path, such as that of an account below its organization: the last part is the event's account.
  const origin = context?.split('/').at(-1) ?? '';
  return ownId === undefined || origin === '' || origin === ownId ? undefined : origin;
}

function ruleOf(type: string): EventRule | undefined {
  return Object.hasOwn(eventRules, type) ? eventRules[type] : undefined;
}

/**
 * Returns the objects to sync that an event's payload names, the one that access depends on first. Pure.
 */
export function namedObjects(type: string, object: unknown): SyncedRef[] {
  return (ruleOf(type)?.leads ?? []).flatMap(({ objectType, paths }) => {
    const objectId = paths.map((path) => idAt(object, path)).find((id) => id !== undefined);
    return objectId === undefined ? [] : [{ objectType, objectId }];
  });
}

function ignored(outcome: Outcome): Triage {
  return { outcome, objects: [], urgency: 2 };
}

/** Returns the id at a path: a reference is an id, or the expanded object. */
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

/** Returns an id of at most 255 characters, the maximum of Stripe's ids. */
function idOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > 255) return undefined;
  return dotSegment.test(value) ? undefined : value;
}
