import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The kinds of alarms; a test compares them with the places that raise alarms. */
export const alarmKinds = [
  'clock_set_back',
  'intent_of_another_session',
  'object_missing',
  'past_due_without_debt',
  'reconciliation_account',
  'reconciliation_clock',
  'reconciliation_failed',
  'reconciliation_held',
  'reconciliation_list_incomplete',
  'stripe_entitlement_differs',
  'timeline_not_computed',
  'too_many_sources',
  'unknown_status',
] as const;

/**
 * Creates the process's metrics, named `latchkey_…`; docs/monitoring/metrics.md explains each. Labels must
 * have few values, so none carries a user's id.
 */
export function createMetrics() {
  const metrics = defineMetrics();
  // Starts counters at 0: `increase()` does not see the first value of a new time series.
  for (const kind of alarmKinds) metrics.alarms.inc({ kind }, 0);
  for (const known of ['true', 'false']) metrics.unmappedPrices.inc({ known_user: known }, 0);
  for (const limit of ['key', 'project', 'client', 'signature'])
    metrics.rateLimited.inc({ limit }, 0);
  for (const result of ['hit', 'miss', 'bypass']) metrics.cacheReads.inc({ result }, 0);
  for (const work of ['operator', 'checkout', 'webhook', 'read']) {
    metrics.shedRequests.inc({ work }, 0);
  }
  for (const kind of ['unreachable', 'timeout', 'conflict', 'connection_lost']) {
    metrics.postgresErrors.inc({ kind }, 0);
  }
  for (const operation of ['connection', 'read', 'fill', 'forget']) {
    metrics.redisErrors.inc({ operation }, 0);
  }
  for (const type of ['document', 'user_token']) metrics.signed.inc({ type }, 0);
  for (const kind of ['cache_pending', 'behind_catalog']) metrics.sweeps.inc({ kind }, 0);
  return metrics;
}

function defineMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'latchkey_' });
  // Removes gauges named like counters: each repeats the sum of the gauge without the suffix.
  for (const kind of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`latchkey_nodejs_active_${kind}_total`);
  }
  const registers = [registry];
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'latchkey_http_request_seconds',
      help: 'Time to respond to a request, by route, method and status.',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    clockOffsetSeconds: new Gauge({
      name: 'latchkey_clock_offset_seconds',
      help: "Lead of this machine's clock over Postgres', seconds.",
      registers,
    }),
    rateLimited: new Counter({
      name: 'latchkey_rate_limited_total',
      help: 'Requests refused with a 429: the limit of a key, the share of a project, or the limit of a client whose keys or webhook signatures are wrong.',
      labelNames: ['limit'],
      registers,
    }),
    untrustedForwarded: new Counter({
      name: 'latchkey_untrusted_forwarded_total',
      help: 'Requests whose X-Forwarded-For was ignored because TRUSTED_PROXIES is not set.',
      registers,
    }),
    shedRequests: new Counter({
      name: 'latchkey_shed_requests_total',
      help: 'Requests refused with a 503 because the event loop was late, by kind of work.',
      labelNames: ['work'],
      registers,
    }),
    cacheReads: new Counter({
      name: 'latchkey_cache_reads_total',
      help: 'Reads of entitlements by their source: hit, miss, or bypass if the cache was skipped or did not respond.',
      labelNames: ['result'],
      registers,
    }),
    redisErrors: new Counter({
      name: 'latchkey_redis_errors_total',
      help: 'Redis commands that failed or timed out, by purpose.',
      labelNames: ['operation'],
      registers,
    }),
    redisCircuitOpen: new Gauge({
      name: 'latchkey_redis_circuit_open',
      help: '1 while reads go straight to Postgres because Redis does not answer.',
      registers,
    }),
    postgresErrors: new Counter({
      name: 'latchkey_postgres_errors_total',
      help: 'Queries and transactions that failed: unreachable (no connection, or no response in time), conflict (retried); and idle connections that were lost.',
      labelNames: ['kind'],
      registers,
    }),
    postgresConnections: new Gauge({
      name: 'latchkey_postgres_connections',
      help: 'Connections of the pool: in use, or idle.',
      labelNames: ['state'],
      registers,
    }),
    postgresWaiting: new Gauge({
      name: 'latchkey_postgres_waiting',
      help: 'Queries and transactions that wait for a connection of the pool.',
      registers,
    }),
    webhookEvents: new Counter({
      name: 'latchkey_webhook_events_total',
      help: 'Webhook deliveries by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    webhookDelaySeconds: new Histogram({
      name: 'latchkey_webhook_delay_seconds',
      help: "Time from an event's creation at Stripe, which counts whole seconds, until it was stored; each event once.",
      buckets: [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400],
      registers,
    }),
    syncDelaySeconds: new Histogram({
      name: 'latchkey_sync_delay_seconds',
      help: 'Time from the first event that enqueued an object until its state at Stripe was applied, by urgency: 0 = a buyer waits, 1 = access, 2 = the rest.',
      labelNames: ['urgency'],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600],
      registers,
    }),
    syncs: new Counter({
      name: 'latchkey_syncs_total',
      help: 'Objects fetched from Stripe and applied, by object type and outcome.',
      labelNames: ['object_type', 'outcome'],
      registers,
    }),
    alarms: new Counter({
      name: 'latchkey_alarms_total',
      help: 'Conditions that an operator should look at, by kind.',
      labelNames: ['kind'],
      registers,
    }),
    unmappedPrices: new Counter({
      name: 'latchkey_unmapped_prices_total',
      help: 'Synced items and purchases whose price gives nothing, because no project has its product.',
      labelNames: ['known_user'],
      registers,
    }),
    inboxOldestWantedSeconds: new Gauge({
      name: 'latchkey_inbox_oldest_wanted_seconds',
      help: 'Age of the oldest enqueued object.',
      registers,
    }),
    inboxObjects: new Gauge({
      name: 'latchkey_inbox_objects',
      help: 'Objects in the sync queue: enqueued, or failed after all attempts and retried rarely.',
      labelNames: ['state'],
      registers,
    }),
    stripeRequests: new Counter({
      name: 'latchkey_stripe_requests_total',
      help: "Requests to Stripe by endpoint and the response's status; 0 = no response.",
      labelNames: ['endpoint', 'status'],
      registers,
    }),
    reconciliationFindings: new Counter({
      name: 'latchkey_reconciliation_findings_total',
      help: 'Findings of reconciliation, by type and by the action taken.',
      labelNames: ['type', 'action'],
      registers,
    }),
    reconciliationLastSuccess: new Gauge({
      name: 'latchkey_reconciliation_last_success_timestamp_seconds',
      help: 'Time of the last completed full comparison with Stripe; 0 = never.',
      registers,
    }),
    reconciliationDuration: new Gauge({
      name: 'latchkey_reconciliation_duration_seconds',
      help: 'Duration of the last full comparison with Stripe.',
      registers,
    }),
    reconciliationHeld: new Gauge({
      name: 'latchkey_reconciliation_held_runs',
      help: 'Reconciliations whose losses wait for an operator.',
      registers,
    }),
    activeSubscriptions: new Gauge({
      name: 'latchkey_active_subscriptions',
      help: 'Subscriptions that are active, in a trial or past due, by project.',
      labelNames: ['project'],
      registers,
    }),
    mrrMinorUnits: new Gauge({
      name: 'latchkey_mrr_minor_units',
      help: "Monthly recurring revenue in the currency's minor units, by project.",
      labelNames: ['project', 'currency'],
      registers,
    }),
    changeStreams: new Gauge({
      name: 'latchkey_change_streams',
      help: 'Streams and long polls of the feed of changes that this instance holds.',
      registers,
    }),
    changeStreamsClosed: new Counter({
      name: 'latchkey_change_streams_closed_total',
      help: 'Streams of changes that ended, by reason: the client left or read too slowly, its key ended, another project needed the slot, the process stopped, or reading failed.',
      labelNames: ['reason'],
      registers,
    }),
    changesUnpublished: new Gauge({
      name: 'latchkey_changes_oldest_unpublished_seconds',
      help: 'Time that the oldest committed change has waited for its place in the feed.',
      registers,
    }),
    boundariesLate: new Gauge({
      name: 'latchkey_boundaries_late_seconds',
      help: 'Delay of the oldest boundary whose change is not stored yet.',
      registers,
    }),
    signed: new Counter({
      name: 'latchkey_signed_total',
      help: 'Documents and user tokens that were signed.',
      labelNames: ['type'],
      registers,
    }),
    sweeps: new Counter({
      name: 'latchkey_sweeps_total',
      help: 'Rows that sweeps had to repair, by kind.',
      labelNames: ['kind'],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
