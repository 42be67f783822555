import { dotSegment } from '../http/schemas.ts';
import { type EventRule, eventRules, type Urgency } from './core/events.ts';
import type { SyncedRef } from './core/synced-object.ts';
import type { VerifiedEvent } from './verify.ts';

type Outcome = 'accepted' | 'unknown_type' | 'foreign_account' | 'foreign_mode' | 'no_object';

/** The decision about an event: the objects to sync, or why the event is ignored. */
export interface Triage {
  outcome: Outcome;
  objects: SyncedRef[];
  urgency: Urgency;
}

/** What identifies our own events: the key's mode and, if configured, the account. */
export interface OwnStripe {
  livemode: boolean;
  accountId: string | undefined;
}

/** Decides what to sync for an event. Foreign and unknown events are ignored rather than rejected. Pure. */
export function triage(event: VerifiedEvent, own: OwnStripe): Triage {
  if (event.livemode !== own.livemode) return ignored('foreign_mode');
  if (isForeign(event, own.accountId)) return ignored('foreign_account');
  const rule = ruleOf(event.type);
  if (rule === undefined) return ignored('unknown_type');
  const objects = namedObjects(event.type, event.data.object);
  return objects.length === 0
    ? ignored('no_object')
    : { outcome: 'accepted', objects, urgency: rule.urgency };
}

/**
 * Returns whether an event belongs to another account. Only Connect sets `account`, so any account other than
 * ours is foreign. Our own events may have a `context` too, so it proves nothing unless our account is
 * configured (`STRIPE_ACCOUNT_ID`).
 */
function isForeign(
  { account, context }: Pick<VerifiedEvent, 'account' | 'context'>,
  ownId: string | undefined,
): boolean {
  if (account !== undefined && account !== ownId) return true;
  // The context may be a path within an organization. Its last part is the account.
  const origin = context?.split('/').at(-1) ?? '';
  return ownId !== undefined && origin !== '' && origin !== ownId;
}

function ruleOf(type: string): EventRule | undefined {
  return Object.hasOwn(eventRules, type) ? eventRules[type] : undefined;
}

/** Returns the objects to sync that an event's payload names, in the order of the event type's rule. */
export function namedObjects(type: string, object: unknown): SyncedRef[] {
  return (ruleOf(type)?.targets ?? []).flatMap(({ objectType, paths }) => {
    const objectId = paths.map((path) => idAt(object, path)).find((id) => id !== undefined);
    return objectId === undefined ? [] : [{ objectType, objectId }];
  });
}

function ignored(outcome: Outcome): Triage {
  return { outcome, objects: [], urgency: 2 };
}

/** Returns the id at a path, where there is either an id or an expanded object. */
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

/** Returns the value if it is a valid id. Stripe's ids have at most 255 characters. */
function idOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > 255) return undefined;
  return dotSegment.test(value) ? undefined : value;
}
