import type { AuditRecord } from '../audit/record.ts';
import { ProblemError } from '../http/problem.ts';
import { type Deed, hashDeed, type UsageRequest } from './deed.ts';
import type { LoadedUsage, UsageName } from './load-usage.ts';
import { withMeterReport } from './meters/report.ts';
import { type Done, type Found, perform } from './perform.ts';
import type { Performed } from './store-usage.ts';
import type { StoredEntry, StoredHold } from './targets.ts';

/** The answer to a deed, as serialized JSON. */
export interface UsageAnswer {
  text: string;
  /** Whether the answer was stored by an earlier request with the same idempotency key. */
  isReplay: boolean;
  /** Whether the request changed usage; false if it was denied or repeats an earlier one. */
  isChange: boolean;
}

/** The holds and entries that deeds name, by id. */
export interface Targets {
  holds: Map<string, StoredHold>;
  entries: Map<string, StoredEntry>;
}

/** What the deeds of a transaction find. Each deed leaves it changed for the next. */
export interface BatchState extends Targets {
  /** By {@link placeKey}. */
  usages: Map<string, LoadedUsage>;
  /** The answers that are kept, by {@link keptKey}, each with the hash of its deed. */
  kept: Map<string, { hash: Buffer; answer: string }>;
}

/** A request, and where its deed counts; null if it names nothing that the caller may see. */
export interface PlacedDeed extends UsageRequest {
  place: UsageName | null;
}

export function placeKey({ featureCode, projectId, uid }: UsageName): string {
  return `${projectId} ${uid ?? ''} ${featureCode}`;
}

export function keptKey({ key, projectId }: { key: string; projectId: string }): string {
  return `${projectId} ${key}`;
}

/**
 * Performs the next deed of a transaction, or returns the answer that is kept under its key.
 *
 * @returns `performed` is what to store; null for a kept answer.
 * @throws ProblemError `idempotency_key_reused`, and the errors of `perform`.
 */
export function performNext(
  state: BatchState,
  { deed, key, operator, place, projectId }: PlacedDeed,
): { answer: UsageAnswer; performed: Performed | null } {
  const hash = hashDeed(deed);
  const keeper = place?.projectId ?? projectId;
  const keep = key === null || keeper === null ? null : { projectId: keeper, key, hash };
  const first = keep === null ? undefined : state.kept.get(keptKey(keep));
  if (first !== undefined) {
    if (!first.hash.equals(hash)) throw keyReused();
    const answer = { text: first.answer, isReplay: true, isChange: false };
    return { answer, performed: null };
  }
  const found = foundOf(state, deed, place);
  const done = withMeterReport(perform(deed, key, found), found);
  const text = JSON.stringify(done.answer);
  if (place !== null && found.usage !== null && done.outcome !== undefined) {
    state.usages.set(placeKey(place), { ...found.usage, facts: done.outcome.facts });
  }
  if (done.ended !== undefined) noteEnd(state, done.ended.id, text);
  if (keep !== null) state.kept.set(keptKey(keep), { hash, answer: text });
  const audits = operator === undefined ? [] : auditOf(deed, done, found, operator);
  const answer = { text, isReplay: false, isChange: done.entry !== undefined };
  return { answer, performed: { ...done, text, keep, audits } };
}

/** Returns the audit row of a reversal; none for an entry that was already reversed, or another deed. */
function auditOf(
  deed: Deed,
  { answer, entry, ended }: Done,
  { entry: reversed }: Found,
  { actor, requestId }: NonNullable<UsageRequest['operator']>,
): AuditRecord[] {
  if (deed.kind !== 'reverse' || entry === undefined || ended === undefined) return [];
  return [
    {
      ...{ projectId: entry.projectId, actor, requestId, at: ended.at },
      ...(reversed === null ? {} : { userId: reversed.userId }),
      ...{ action: 'usage.reverse', targetType: 'usage_entry', targetId: deed.entryId },
      reason: deed.reason,
      after: { ...answer },
    },
  ];
}

function foundOf(
  { entries, holds, usages }: BatchState,
  deed: Deed,
  place: UsageName | null,
): Found {
  if (place === null) return { place: null, usage: null, entry: null, hold: null };
  const { uid } = place;
  return {
    place: uid === null ? null : { ...place, uid },
    usage: usages.get(placeKey(place)) ?? null,
    entry: deed.kind === 'reverse' ? (entries.get(deed.entryId) ?? null) : null,
    hold: deed.kind === 'settle' ? (holds.get(deed.holdId) ?? null) : null,
  };
}

/** Notes the answer that ended a hold or reversed an entry, for later deeds of the transaction. */
function noteEnd({ entries, holds }: Targets, id: string, answer: string): void {
  const [entry, hold] = [entries.get(id), holds.get(id)];
  if (entry !== undefined) entries.set(id, { ...entry, answer });
  if (hold !== undefined) holds.set(id, { ...hold, answer });
}

function keyReused(): ProblemError {
  return new ProblemError('idempotency_key_reused', undefined, [
    { path: 'Idempotency-Key', message: 'was used for another request: send a new key' },
  ]);
}
