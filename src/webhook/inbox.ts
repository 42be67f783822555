import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { eventRules, type FollowedType, type Urgency } from './events.ts';
import type { VerifiedEvent } from './verify.ts';

type Outcome = 'accepted' | 'unknown_type' | 'foreign_account' | 'foreign_mode' | 'no_object';

/** What an event asks for: an object to fetch, or why nothing. */
export interface Triage {
  outcome: Outcome;
  follow: { objectType: FollowedType; objectId: string; urgency: Urgency } | null;
}

/** Whose events are ours: the mode told by the key, and the account where one is configured. */
export interface OwnStripe {
  livemode: boolean;
  accountId: string | undefined;
}

/** What to do about an event; pure. Foreign and unknown ones are kept and ignored, never refused. */
export function triage(event: VerifiedEvent, own: OwnStripe): Triage {
  if (event.livemode !== own.livemode) return { outcome: 'foreign_mode', follow: null };
  if (event.account !== undefined && event.account !== own.accountId) {
    return { outcome: 'foreign_account', follow: null };
  }
  const rule = Object.hasOwn(eventRules, event.type) ? eventRules[event.type] : undefined;
  if (rule === undefined) return { outcome: 'unknown_type', follow: null };
  const objectId = idIn(event.data.object[rule.idFrom]);
  if (objectId === undefined) return { outcome: 'no_object', follow: null };
  return {
    outcome: 'accepted',
    follow: { objectType: rule.follow, objectId, urgency: rule.urgency },
  };
}

/** A reference is an id, or the object itself where it came expanded. */
function idIn(reference: unknown): string | undefined {
  if (typeof reference === 'string' && reference !== '') return reference;
  if (typeof reference !== 'object' || reference === null || !('id' in reference)) return undefined;
  return idIn(reference.id);
}

/**
 * One statement stores the event once and makes its object wanted under the event's number, with the
 * most urgent urgency of those waiting. When it has returned, the event is in Postgres. A repeated
 * event changes nothing.
 */
const storeSql = `
with stored as (
  insert into webhook_events
    (account, livemode, event_id, type, api_version, object_type, object_id, outcome, created_at, received_at, payload)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict (account, livemode, event_id) do nothing
  returning number
), wanted as (
  insert into followed_objects as f (object_type, object_id, wanted, urgency, wanted_at)
  select $6, $7, number, $12, $10 from stored where $8 = 'accepted'
  on conflict (object_type, object_id) do update set
    wanted = greatest(f.wanted, excluded.wanted),
    urgency = case when f.wanted > f.fetched then least(f.urgency, excluded.urgency) else excluded.urgency end,
    wanted_at = case when f.wanted > f.fetched then f.wanted_at else excluded.wanted_at end,
    attempts = case when f.failed_at is null and f.wanted > f.fetched then f.attempts else 0 end,
    next_attempt_at = case when f.failed_at is null and f.wanted > f.fetched then f.next_attempt_at end,
    failed_at = null
)
select number from stored`;

/** Stores a verified event; `duplicate` tells that it was there already. */
export async function storeEvent(
  deps: { database: Database; clock: Clock },
  event: VerifiedEvent,
  raw: Buffer,
  { outcome, follow }: Triage,
): Promise<{ duplicate: boolean }> {
  const { rowCount } = await deps.database.pool.query({
    name: 'store-webhook-event',
    text: storeSql,
    values: [
      outcome === 'foreign_account' ? event.account : '',
      event.livemode,
      event.id,
      event.type,
      event.api_version ?? null,
      follow?.objectType ?? null,
      follow?.objectId ?? null,
      outcome,
      new Date(event.created * 1000),
      new Date(deps.clock()),
      raw.toString('utf8'),
      follow?.urgency ?? null,
    ],
  });
  return { duplicate: rowCount === 0 };
}
