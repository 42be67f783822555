-- What the schema file cannot say. Each rule stands here too so that no code path, and no operator
-- with psql, can leave the database in a state that the service does not know.

CREATE EXTENSION IF NOT EXISTS btree_gist;

INSERT INTO database_identity DEFAULT VALUES;
ALTER TABLE database_identity ADD CONSTRAINT database_identity_one_row CHECK (singleton);

-- Words of our own are closed lists; Stripe's statuses are not checked, since its lists are open.
ALTER TABLE projects
  ADD CONSTRAINT projects_grace_days CHECK (grace_days BETWEEN 0 AND 365),
  ADD CONSTRAINT projects_refund_full CHECK (refund_full IN ('revoke', 'keep')),
  ADD CONSTRAINT projects_refund_partial CHECK (refund_partial IN ('keep', 'revoke')),
  ADD CONSTRAINT projects_dispute_opened CHECK (dispute_opened IN ('keep', 'suspend'));
ALTER TABLE features
  ADD CONSTRAINT features_type CHECK (type IN ('boolean', 'limit', 'config')),
  ADD CONSTRAINT features_merge CHECK (merge IN ('max', 'sum'));
ALTER TABLE prices
  ADD CONSTRAINT prices_access_days CHECK (access_days > 0);
ALTER TABLE products
  ADD CONSTRAINT products_taken CHECK ((project_id IS NULL) = (taken_at IS NULL));
ALTER TABLE idempotency_records
  ADD CONSTRAINT idempotency_records_status CHECK (status IN ('running', 'done')),
  ADD CONSTRAINT idempotency_records_done CHECK (
    (status = 'done') = (response_status IS NOT NULL AND response_body IS NOT NULL)
  );
ALTER TABLE webhook_events
  ADD CONSTRAINT webhook_events_outcome CHECK (
    outcome IN ('accepted', 'unknown_type', 'foreign_account', 'foreign_mode', 'no_object')
  ),
  ADD CONSTRAINT webhook_events_object CHECK ((object_type IS NULL) = (object_id IS NULL)),
  ADD CONSTRAINT webhook_events_accepted CHECK (outcome <> 'accepted' OR object_id IS NOT NULL);
ALTER TABLE checkout_intents
  ADD CONSTRAINT checkout_intents_status CHECK (
    status IN ('open', 'failed', 'replaced', 'completed', 'expired')
  );
ALTER TABLE reconciliation_runs
  ADD CONSTRAINT reconciliation_runs_status CHECK (status IN ('running', 'done', 'held', 'failed'));

-- Amounts and counts.
ALTER TABLE purchases ADD CONSTRAINT purchases_quantity CHECK (quantity >= 0);
ALTER TABLE subscription_items ADD CONSTRAINT subscription_items_quantity CHECK (quantity >= 0);
ALTER TABLE refunds ADD CONSTRAINT refunds_amount CHECK (amount >= 0);
ALTER TABLE disputes ADD CONSTRAINT disputes_amount CHECK (amount >= 0);

-- Windows are half-open and not empty.
ALTER TABLE grants ADD CONSTRAINT grants_window CHECK (valid_from < valid_to);
ALTER TABLE revocations ADD CONSTRAINT revocations_window CHECK (valid_from < valid_to);
ALTER TABLE entitlement_segments
  ADD CONSTRAINT entitlement_segments_type CHECK (feature_type IN ('boolean', 'limit', 'config')),
  ADD CONSTRAINT entitlement_segments_window CHECK (valid_from < valid_to),
  ADD CONSTRAINT entitlement_segments_recorded CHECK (recorded_at < superseded_at),
  ADD CONSTRAINT entitlement_segments_allowed CHECK (
    allowed = (value IS NOT NULL) AND allowed = (reason = 'granted') AND (NOT allowed OR valid_from IS NOT NULL)
  ),
  ADD CONSTRAINT entitlement_segments_no_overlap EXCLUDE USING gist (
    uid WITH =, feature_code WITH =, tstzrange(valid_from, valid_to) WITH &&
  ) WHERE (superseded_at IS NULL);

-- One customer per user is the one that checkout uses.
CREATE UNIQUE INDEX customers_one_primary ON customers (uid) WHERE is_primary;

-- The three kinds of "state that is not yet where it should be", each found by a small index.
CREATE INDEX followed_objects_wanted ON followed_objects (urgency, wanted_at)
  WHERE wanted > fetched AND failed_at IS NULL;
CREATE INDEX followed_objects_failed ON followed_objects (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX users_cache_pending ON users (cache_pending_at) WHERE cache_pending_at IS NOT NULL;

-- Reads of the live timeline.
CREATE INDEX entitlement_segments_live ON entitlement_segments (uid) WHERE superseded_at IS NULL;
CREATE INDEX entitlement_segments_by_feature ON entitlement_segments (feature_code, uid)
  WHERE superseded_at IS NULL AND allowed;

-- The audit is append-only: whoever tries to change it is refused, whatever role it has.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
