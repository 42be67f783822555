import type Stripe from 'stripe';
import { eventTypes } from '../webhook/core/events.ts';
import { createInbox } from '../webhook/inbox.ts';
import { triage } from '../webhook/triage.ts';
import { fetchPage } from './pages.ts';
import { recordFinding } from './record-finding.ts';
import { beginning, type Position, type RunContext } from './run-context.ts';

/** Maximum number of event types in one list request. */
const maxTypes = 20;

const parts = Math.ceil(eventTypes.length / maxTypes);

/** How far back Stripe lists events, milliseconds. */
const listedMs = 30 * 86_400_000;

/**
 * Compares a page of Stripe's events with the inbox, and stores missing ones as if they had been delivered.
 * An event about an object with an undecided finding of this run is only reported, because syncing the object
 * would apply the finding.
 */
export async function compareEvents(
  context: RunContext,
  position: Position,
): Promise<Position | null> {
  const { deps } = context;
  const now = deps.clock();
  const since = Math.max(context.since ?? 0, now - listedMs);
  const types = eventTypes.slice(position.part * maxTypes, (position.part + 1) * maxTypes);
  const { objects, next } = await fetchPage(
    context,
    (params) => deps.stripeForReconciliation.events.list({ ...params, types: [...types] }),
    position,
    since,
  );
  for (const event of await missingAmong(context, objects)) {
    await context.beat();
    await storeMissed(context, event);
  }
  if (next !== null) return next;
  const part = position.part + 1;
  return part < parts ? { ...beginning, part } : null;
}

async function missingAmong({ deps }: RunContext, events: Stripe.Event[]): Promise<Stripe.Event[]> {
  const known = await deps.database.prisma.webhookEvent.findMany({
    where: { eventId: { in: events.map(({ id }) => id) } },
    select: { eventId: true },
  });
  const ids = new Set(known.map(({ eventId }) => eventId));
  return events.filter(({ id }) => !ids.has(id));
}

async function storeMissed({ deps, scope }: RunContext, event: Stripe.Event): Promise<void> {
  const { prisma } = deps.database;
  const raw = Buffer.from(JSON.stringify(event));
  const verified = {
    id: event.id,
    object: 'event' as const,
    type: event.type,
    created: event.created,
    livemode: event.livemode,
    ...(event.account === undefined ? {} : { account: event.account }),
    context: event.context ?? null,
    api_version: event.api_version,
    data: { object: { ...event.data.object } },
  };
  const triaged = triage(verified, deps.config.stripe);
  const blocked = await prisma.reconciliationFinding.count({
    where: {
      runId: scope.runId,
      action: { in: ['pending', 'held', 'reported', 'open'] },
      OR: triaged.objects.map(({ objectType, objectId }) => ({ objectType, objectId })),
    },
  });
  const reported = scope.dryRun || blocked > 0;
  if (!reported) await createInbox(deps).store(verified, raw, triaged);
  const [object] = triaged.objects;
  const action = reported ? 'reported' : 'fixed';
  await recordFinding(prisma, deps.clock(), scope.runId, {
    type: 'missed_event',
    difference: {
      objectType: 'event',
      objectId: event.id,
      local: null,
      stripe: {
        type: event.type,
        created: new Date(event.created * 1000).toISOString(),
        object: object === undefined ? null : `${object.objectType} ${object.objectId}`,
      },
    },
    effects: [],
    projectId: null,
    action,
  });
  deps.metrics.reconciliationFindings.inc({ type: 'missed_event', action });
}
