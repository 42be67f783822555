import { ProblemError } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { type EventRule, eventRules, type Urgency } from './events.ts';
import type { FollowedRef } from './followed.ts';
import type { VerifiedEvent } from './verify.ts';

type Outcome = 'accepted' | 'unknown_type' | 'foreign_account' | 'foreign_mode' | 'no_object';

/** What an event asks for: objects to fetch, the one that access depends on first, or why none. */
export interface Triage {
  outcome: Outcome;
  follow: FollowedRef[];
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
  if (event.account !== undefined && event.account !== own.accountId) {
    return ignored('foreign_account');
  }
  const rule = ruleOf(event.type);
  if (rule === undefined) return ignored('unknown_type');
  const follow = namedObjects(event.type, event.data.object);
  return follow.length === 0
    ? ignored('no_object')
    : { outcome: 'accepted', follow, urgency: rule.urgency };
}

function ruleOf(type: string): EventRule | undefined {
  return Object.hasOwn(eventRules, type) ? eventRules[type] : undefined;
}

/** The objects to fetch that an event's payload names, the one that access depends on first; pure. */
export function namedObjects(type: string, object: unknown): FollowedRef[] {
  return (ruleOf(type)?.leads ?? []).flatMap(({ follow: objectType, paths }) => {
    const objectId = paths.map((path) => idAt(object, path)).find((id) => id !== undefined);
    return objectId === undefined ? [] : [{ objectType, objectId }];
  });
}

function ignored(outcome: Outcome): Triage {
  return { outcome, follow: [], urgency: 2 };
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
  return typeof value === 'string' && value !== '' && value.length <= 255 ? value : undefined;
}

/**
 * One statement stores the event once and makes its objects wanted under the event's number, with the
 * most urgent urgency of those waiting. When it has returned, the event is in Postgres. A repeated
 * event changes nothing.
 *
 * News of an object that failed gives it all its attempts again; news that somebody waits for does not
 * wait for the next try either.
 */
const storeSql = `
with stored as (
  insert into webhook_events
    (account, livemode, event_id, type, api_version, object_type, object_id, outcome, created_at, received_at, payload)
  values ($1, $2, $3, $4, $5, ($11::text[])[1], ($12::text[])[1], $6, $7, $8, $9)
  on conflict (account, livemode, event_id) do nothing
  returning number
), wanted as (
  insert into followed_objects as f (object_type, object_id, wanted, urgency, wanted_at, told_at)
  select object_type, object_id, number, $10, $8, $8
  from stored, unnest($11::text[], $12::text[]) as news (object_type, object_id)
  order by 1, 2
  on conflict (object_type, object_id) do update set
    wanted = greatest(f.wanted, excluded.wanted),
    urgency = case when f.wanted > f.fetched then least(f.urgency, excluded.urgency) else excluded.urgency end,
    wanted_at = case when f.wanted > f.fetched then f.wanted_at else excluded.wanted_at end,
    told_at = excluded.told_at,
    attempts = case when f.failed_at is null and f.wanted > f.fetched then f.attempts else 0 end,
    next_attempt_at = case when f.failed_at is null and f.wanted > f.fetched and excluded.urgency > 0 then f.next_attempt_at end,
    failed_at = null
)
select number from stored`;

/** Postgres gives up on JSON that is nested some thousands deep. */
const tooDeep = '54001';

/**
 * Stores a verified event; `duplicate` tells that it was there already. Of one that is ignored, what it
 * said is not kept: nothing will be made of it, and it may be about people whom we do not know.
 *
 * @throws ProblemError payload_invalid where the payload is nested too deeply to be stored.
 */
export async function storeEvent(
  deps: { database: Database; clock: Clock },
  event: VerifiedEvent,
  raw: Buffer,
  { outcome, follow, urgency }: Triage,
): Promise<{ duplicate: boolean }> {
  const stored = deps.database.pool.query({
    name: 'store-webhook-event',
    text: storeSql,
    values: [
      outcome === 'foreign_account' ? event.account : '',
      event.livemode,
      event.id,
      event.type,
      event.api_version ?? null,
      outcome,
      new Date(event.created * 1000),
      new Date(deps.clock()),
      outcome === 'accepted' ? raw.toString('utf8') : null,
      urgency,
      follow.map(({ objectType }) => objectType),
      follow.map(({ objectId }) => objectId),
    ],
  });
  const { rowCount } = await stored.catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === tooDeep) {
      throw new ProblemError('payload_invalid', 'The payload is nested too deeply.');
    }
    throw error;
  });
  return { duplicate: rowCount === 0 };
}
