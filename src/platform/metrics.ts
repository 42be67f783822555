import { Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { alarmKinds } from './alarm-kinds.ts';
import { makersOf } from './metric-makers.ts';

/**
 * Creates the process's metrics, named `latchkey_…`. docs/monitoring/metrics.md explains each of them. Labels
 * must have few values, so no metric has a label for users.
 */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'latchkey_' });
  // Removes gauges that are named like counters. Each repeats the sum of the gauge without the suffix.
  for (const kind of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`latchkey_nodejs_active_${kind}_total`);
  }
  const registers = [registry];

  const { counter, gauge } = makersOf(registry);

  return {
    registry,
    requestSeconds: new Histogram({
      name: 'latchkey_http_request_seconds',
      help: 'Time to respond to a request, by route, method and status.',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    clockOffsetSeconds: gauge(
      'latchkey_clock_offset_seconds',
      "How far this machine's clock is ahead of Postgres' clock, seconds.",
    ),
    rateLimited: counter(
      'latchkey_rate_limited_total',
      'Requests refused with a 429 response, by limit: that of a key or user, the share of a project, or that of a client that sends wrong keys or webhook signatures.',
      ['limit'],
      ['key', 'user', 'project', 'client', 'signature'],
    ),
    untrustedForwarded: counter(
      'latchkey_untrusted_forwarded_total',
      'Requests with an X-Forwarded-For header that was ignored because TRUSTED_PROXIES is not set.',
    ),
    shedRequests: counter(
      'latchkey_shed_requests_total',
      'Requests refused with a 503 response because the event-loop delay was too high, by kind of work.',
      ['work'],
      ['operator', 'checkout', 'webhook', 'read'],
    ),
    cacheReads: counter(
      'latchkey_cache_reads_total',
      'Entitlement reads by source: hit, miss, or bypass if the cache was skipped or did not respond.',
      ['result'],
      ['hit', 'miss', 'bypass'],
    ),
    redisErrors: counter(
      'latchkey_redis_errors_total',
      'Redis commands that failed or timed out, by purpose.',
      ['operation'],
      ['connection', 'read', 'fill', 'forget'],
    ),
    redisCircuitOpen: gauge(
      'latchkey_redis_circuit_open',
      '1 while reads go directly to Postgres because Redis does not respond; otherwise 0.',
    ),
    postgresErrors: counter(
      'latchkey_postgres_errors_total',
      'Failed queries and transactions, by kind: unreachable (no connection, or no response in time), timeout (a time limit was exceeded), conflict (retried), or connection_lost (an idle connection).',
      ['kind'],
      ['unreachable', 'timeout', 'conflict', 'connection_lost'],
    ),
    postgresConnections: gauge(
      'latchkey_postgres_connections',
      'Connections in the pool, by state: in use or idle.',
      ['state'],
    ),
    postgresWaiting: gauge(
      'latchkey_postgres_waiting',
      'Queries and transactions that are waiting for a connection from the pool.',
    ),
    webhookEvents: counter('latchkey_webhook_events_total', 'Webhook deliveries by outcome.', [
      'outcome',
    ]),
    webhookDelaySeconds: new Histogram({
      name: 'latchkey_webhook_delay_seconds',
      help: "Time from an event's creation in Stripe (in whole seconds) until it was stored, once per event.",
      buckets: [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400],
      registers,
    }),
    syncDelaySeconds: new Histogram({
      name: 'latchkey_sync_delay_seconds',
      help: 'Time from the first event that enqueued an object until the current state was fetched from Stripe and applied, by urgency: 0 (a buyer waits), 1 (access) or 2 (everything else).',
      labelNames: ['urgency'],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600],
      registers,
    }),
    syncs: counter(
      'latchkey_syncs_total',
      'Objects fetched from Stripe and applied, by object type and outcome.',
      ['object_type', 'outcome'],
    ),
    alarms: counter(
      'latchkey_alarms_total',
      'Conditions that an operator should investigate, by kind.',
      ['kind'],
      alarmKinds,
    ),
    unmappedPrices: counter(
      'latchkey_unmapped_prices_total',
      "Synced items and purchases with a price that grants nothing, because no project has the price's product.",
      ['known_user'],
      ['true', 'false'],
    ),
    inboxOldestWantedSeconds: gauge(
      'latchkey_inbox_oldest_wanted_seconds',
      'Age of the oldest enqueued object.',
    ),
    inboxObjects: gauge(
      'latchkey_inbox_objects',
      'Objects in the sync queue: enqueued, or failed after all attempts and retried rarely.',
      ['state'],
    ),
    stripeRequests: counter(
      'latchkey_stripe_requests_total',
      'Requests to Stripe, by endpoint and response status; 0 if there was no response.',
      ['endpoint', 'status'],
    ),
    reconciliationFindings: counter(
      'latchkey_reconciliation_findings_total',
      'Reconciliation findings, by type and by the action taken.',
      ['type', 'action'],
    ),
    reconciliationLastSuccess: gauge(
      'latchkey_reconciliation_last_success_timestamp_seconds',
      'Time of the last completed full comparison with Stripe; 0 if there was none.',
    ),
    reconciliationDuration: gauge(
      'latchkey_reconciliation_duration_seconds',
      'Duration of the last full comparison with Stripe.',
    ),
    reconciliationHeld: gauge(
      'latchkey_reconciliation_held_runs',
      'Reconciliations with losses that are held for an operator.',
    ),
    activeSubscriptions: gauge(
      'latchkey_active_subscriptions',
      'Active, trialing and past-due subscriptions, by project.',
      ['project'],
    ),
    mrrMinorUnits: gauge(
      'latchkey_mrr_minor_units',
      "Monthly recurring revenue in the currency's minor units, by project.",
      ['project', 'currency'],
    ),
    changeStreams: gauge(
      'latchkey_change_streams',
      'Change streams and long polls that this instance holds.',
    ),
    changeStreamsClosed: counter(
      'latchkey_change_streams_closed_total',
      'Change streams that ended, by reason: the client left or read too slowly, its key expired or was deleted, another project needed the slot, the process stopped, or reading failed.',
      ['reason'],
    ),
    webhookAttempts: counter(
      'latchkey_webhook_attempts_total',
      'Attempts to deliver webhooks to apps: delivered, pending (failed and retried), or failed (the last attempt).',
      ['outcome'],
      ['delivered', 'pending', 'failed'],
    ),
    webhookFirstAttempt: new Histogram({
      name: 'latchkey_webhook_first_attempt_seconds',
      help: 'Time from the creation of a delivery to its first attempt.',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
      registers,
    }),
    webhookDueSeconds: gauge(
      'latchkey_webhook_oldest_due_seconds',
      'How long the longest overdue delivery has been due without an attempt; 0 if none is due.',
    ),
    webhookUndeliveredSeconds: gauge(
      'latchkey_webhook_oldest_undelivered_seconds',
      'Age of the oldest delivery that is still being retried; 0 if no delivery is.',
    ),
    webhookEndpointsDisabled: gauge(
      'latchkey_webhook_endpoints_disabled',
      'Webhook endpoints that the service disabled because deliveries failed or the endpoint was gone.',
    ),
    meterEvents: counter(
      'latchkey_meter_events_total',
      "Attempts to report usage to Stripe's billing meters: sent, retried, or failed (too late to send).",
      ['outcome'],
      ['sent', 'retried', 'failed'],
    ),
    meterEventsOldest: gauge(
      'latchkey_meter_events_oldest_pending_seconds',
      "Age of the oldest event that is not reported to Stripe's billing meters yet; about a minute is normal.",
    ),
    meterEventsHeld: gauge(
      'latchkey_meter_events_held',
      "Events of the last 40 days that are not reported to Stripe's billing meters: waiting (the user has no customer), or failed.",
      ['state'],
    ),
    changesUnpublished: gauge(
      'latchkey_changes_oldest_unpublished_seconds',
      'How long the oldest committed change has waited to be published in the feed.',
    ),
    boundariesLate: gauge(
      'latchkey_boundaries_late_seconds',
      'How long ago the oldest boundary passed whose change has not been stored yet.',
    ),
    usageChanges: counter(
      'latchkey_usage_changes_total',
      'Requests that change usage, by kind (consume, hold, settle or reverse) and outcome: changed, denied (too little left, or no access), replayed, refused (an invalid request) or failed.',
      ['kind', 'outcome'],
    ),
    usagePending: gauge(
      'latchkey_usage_pending',
      'Changes of usage that wait for a transaction or run in one.',
    ),
    signed: counter(
      'latchkey_signed_total',
      'Documents and user tokens that were signed.',
      ['type'],
      ['document', 'user_token'],
    ),
    sweeps: counter(
      'latchkey_sweeps_total',
      'Rows that sweeps had to repair, by kind.',
      ['kind'],
      ['cache_pending', 'behind_catalog'],
    ),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
