-- One sequence numbers events, fetches and operators' words, so that any two of them can be put in order.
CREATE SEQUENCE "latchkey_number";
CREATE FUNCTION next_number() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('latchkey_number') $$;

-- CreateTable
CREATE TABLE "database_identity" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "database_identity_pkey" PRIMARY KEY ("singleton")
);

-- CreateTable
CREATE TABLE "projects" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "grace_days" INTEGER NOT NULL DEFAULT 7,
    "refund_full" TEXT NOT NULL DEFAULT 'revoke',
    "refund_partial" TEXT NOT NULL DEFAULT 'keep',
    "dispute_opened" TEXT NOT NULL DEFAULT 'keep',
    "redirect_origins" TEXT[],
    "portal_configuration_id" TEXT,
    "catalog_revision" BIGINT NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "projects_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "expires_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "last_used_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "users" (
    "uid" BIGSERIAL NOT NULL,
    "project_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "revision" BIGINT NOT NULL DEFAULT 0,
    "catalog_revision" BIGINT NOT NULL DEFAULT 0,
    "recorded_at" TIMESTAMPTZ(3),
    "cache_pending_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "users_pkey" PRIMARY KEY ("uid")
);

-- CreateTable
CREATE TABLE "features" (
    "project_id" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "merge" TEXT NOT NULL DEFAULT 'max',
    "per_quantity" BOOLEAN NOT NULL DEFAULT false,
    "archived_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "features_pkey" PRIMARY KEY ("project_id","code")
);

-- CreateTable
CREATE TABLE "products" (
    "id" TEXT NOT NULL,
    "project_id" TEXT,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "active" BOOLEAN NOT NULL,
    "deleted" BOOLEAN NOT NULL DEFAULT false,
    "rank" INTEGER NOT NULL DEFAULT 0,
    "allow_multiple" BOOLEAN NOT NULL DEFAULT false,
    "claimed_by" TEXT,
    "taken_at" TIMESTAMPTZ(3),

    CONSTRAINT "products_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "prices" (
    "id" TEXT NOT NULL,
    "product_id" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL,
    "deleted" BOOLEAN NOT NULL DEFAULT false,
    "nickname" TEXT,
    "currency" TEXT NOT NULL,
    "unit_amount" BIGINT,
    "unit_amount_decimal" TEXT,
    "type" TEXT NOT NULL,
    "interval" TEXT,
    "interval_count" INTEGER,
    "usage_type" TEXT,
    "tiers_mode" TEXT,
    "access_days" INTEGER,
    "rank" INTEGER,

    CONSTRAINT "prices_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "product_features" (
    "product_id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "value" JSONB NOT NULL,

    CONSTRAINT "product_features_pkey" PRIMARY KEY ("product_id","feature_code")
);

-- CreateTable
CREATE TABLE "price_features" (
    "price_id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "value" JSONB NOT NULL,

    CONSTRAINT "price_features_pkey" PRIMARY KEY ("price_id","feature_code")
);

-- CreateTable
CREATE TABLE "customers" (
    "id" TEXT NOT NULL,
    "uid" BIGINT,
    "is_primary" BOOLEAN NOT NULL DEFAULT false,
    "email" TEXT,
    "deleted" BOOLEAN NOT NULL DEFAULT false,
    "linked_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "customers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "subscriptions" (
    "id" TEXT NOT NULL,
    "uid" BIGINT,
    "customer_id" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "effective_status" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "collection_method" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "start_date" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "cancel_at" TIMESTAMPTZ(3),
    "cancel_at_period_end" BOOLEAN NOT NULL,
    "canceled_at" TIMESTAMPTZ(3),
    "trial_start" TIMESTAMPTZ(3),
    "trial_end" TIMESTAMPTZ(3),
    "paused_at" TIMESTAMPTZ(3),
    "collection_paused" BOOLEAN NOT NULL DEFAULT false,
    "dunning_anchor_at" TIMESTAMPTZ(3),
    "metadata_project_id" TEXT,
    "metadata_user_id" TEXT,

    CONSTRAINT "subscriptions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "subscription_items" (
    "id" TEXT NOT NULL,
    "subscription_id" TEXT NOT NULL,
    "price_id" TEXT NOT NULL,
    "product_id" TEXT NOT NULL,
    "quantity" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "current_period_start" TIMESTAMPTZ(3) NOT NULL,
    "current_period_end" TIMESTAMPTZ(3) NOT NULL,
    "position" INTEGER NOT NULL,

    CONSTRAINT "subscription_items_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "checkout_sessions" (
    "id" TEXT NOT NULL,
    "uid" BIGINT,
    "mode" TEXT NOT NULL,
    "status" TEXT,
    "payment_status" TEXT NOT NULL,
    "customer_id" TEXT,
    "client_reference_id" TEXT,
    "payment_intent_id" TEXT,
    "subscription_id" TEXT,
    "invoice_id" TEXT,
    "amount_total" BIGINT,
    "currency" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "metadata_project_id" TEXT,
    "metadata_user_id" TEXT,

    CONSTRAINT "checkout_sessions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "purchases" (
    "id" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "uid" BIGINT,
    "attached_uid" BIGINT,
    "price_id" TEXT NOT NULL,
    "product_id" TEXT NOT NULL,
    "quantity" INTEGER NOT NULL,
    "amount" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "payment_intent_id" TEXT,
    "invoice_id" TEXT,
    "purchased_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "purchases_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "charges" (
    "id" TEXT NOT NULL,
    "payment_intent_id" TEXT,
    "customer_id" TEXT,
    "amount" BIGINT NOT NULL,
    "amount_refunded" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "charges_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "refunds" (
    "id" TEXT NOT NULL,
    "charge_id" TEXT,
    "payment_intent_id" TEXT,
    "amount" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "refunds_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "disputes" (
    "id" TEXT NOT NULL,
    "charge_id" TEXT NOT NULL,
    "payment_intent_id" TEXT,
    "amount" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "disputes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "invoices" (
    "id" TEXT NOT NULL,
    "customer_id" TEXT,
    "subscription_id" TEXT,
    "status" TEXT,
    "billing_reason" TEXT,
    "currency" TEXT NOT NULL,
    "amount_due" BIGINT NOT NULL,
    "amount_paid" BIGINT NOT NULL,
    "total" BIGINT NOT NULL,
    "attempt_count" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finalized_at" TIMESTAMPTZ(3),
    "due_date" TIMESTAMPTZ(3),
    "paid_at" TIMESTAMPTZ(3),

    CONSTRAINT "invoices_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "invoice_payments" (
    "id" TEXT NOT NULL,
    "invoice_id" TEXT NOT NULL,
    "payment_intent_id" TEXT,
    "amount_paid" BIGINT,
    "status" TEXT NOT NULL,

    CONSTRAINT "invoice_payments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "grants" (
    "id" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "project_id" TEXT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "value" JSONB NOT NULL,
    "valid_from" TIMESTAMPTZ(3) NOT NULL,
    "valid_to" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "reason" TEXT NOT NULL,
    "number" BIGINT NOT NULL DEFAULT next_number(),
    "audit_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "grants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "revocations" (
    "id" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "project_id" TEXT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "valid_from" TIMESTAMPTZ(3) NOT NULL,
    "valid_to" TIMESTAMPTZ(3),
    "lifted_at" TIMESTAMPTZ(3),
    "reason" TEXT NOT NULL,
    "number" BIGINT NOT NULL DEFAULT next_number(),
    "audit_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "entitlement_segments" (
    "id" BIGSERIAL NOT NULL,
    "uid" BIGINT NOT NULL,
    "feature_code" TEXT NOT NULL,
    "feature_type" TEXT NOT NULL,
    "allowed" BOOLEAN NOT NULL,
    "reason" TEXT NOT NULL,
    "value" JSONB,
    "sources" JSONB NOT NULL,
    "valid_from" TIMESTAMPTZ(3),
    "valid_to" TIMESTAMPTZ(3),
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "superseded_at" TIMESTAMPTZ(3),

    CONSTRAINT "entitlement_segments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_events" (
    "number" BIGINT NOT NULL DEFAULT next_number(),
    "account" TEXT NOT NULL DEFAULT '',
    "livemode" BOOLEAN NOT NULL,
    "event_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "api_version" TEXT,
    "object_type" TEXT,
    "object_id" TEXT,
    "outcome" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "payload" JSON,

    CONSTRAINT "webhook_events_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "followed_objects" (
    "object_type" TEXT NOT NULL,
    "object_id" TEXT NOT NULL,
    "wanted" BIGINT NOT NULL,
    "fetched" BIGINT NOT NULL DEFAULT 0,
    "urgency" SMALLINT NOT NULL,
    "wanted_at" TIMESTAMPTZ(3) NOT NULL,
    "lease_until" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3),
    "failed_at" TIMESTAMPTZ(3),
    "last_error" TEXT,
    "outcome" TEXT,

    CONSTRAINT "followed_objects_pkey" PRIMARY KEY ("object_type","object_id")
);

-- CreateTable
CREATE TABLE "checkout_intents" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "uid" BIGINT NOT NULL,
    "line_items" JSONB NOT NULL,
    "customer_id" TEXT,
    "session_id" TEXT,
    "status" TEXT NOT NULL DEFAULT 'open',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "checkout_intents_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" TEXT NOT NULL,
    "number" BIGINT NOT NULL DEFAULT next_number(),
    "project_id" TEXT,
    "user_id" TEXT,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target_type" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "reason" TEXT,
    "before" JSONB,
    "after" JSONB,
    "request_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_records" (
    "actor" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "status" TEXT NOT NULL,
    "response_status" INTEGER,
    "response_body" TEXT,
    "locked_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_records_pkey" PRIMARY KEY ("actor","route","key")
);

-- CreateTable
CREATE TABLE "refreshes" (
    "id" TEXT NOT NULL,
    "project_id" TEXT NOT NULL,
    "catalog_revision" BIGINT NOT NULL,
    "users" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "refreshes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "reconciliation_runs" (
    "id" TEXT NOT NULL,
    "project_id" TEXT,
    "user_id" TEXT,
    "dry_run" BOOLEAN NOT NULL,
    "slot" TIMESTAMPTZ(3),
    "status" TEXT NOT NULL,
    "progress" JSONB NOT NULL,
    "lease_until" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "reconciliation_runs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "reconciliation_findings" (
    "id" BIGSERIAL NOT NULL,
    "run_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "object_type" TEXT NOT NULL,
    "object_id" TEXT NOT NULL,
    "local" JSONB,
    "stripe" JSONB,
    "effect" JSONB,
    "action" TEXT NOT NULL,
    "resolved_at" TIMESTAMPTZ(3),

    CONSTRAINT "reconciliation_findings_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE INDEX "api_keys_project_id_id_idx" ON "api_keys"("project_id", "id");

-- CreateIndex
CREATE INDEX "users_project_id_catalog_revision_idx" ON "users"("project_id", "catalog_revision");

-- CreateIndex
CREATE UNIQUE INDEX "users_project_id_user_id_key" ON "users"("project_id", "user_id");

-- CreateIndex
CREATE INDEX "products_project_id_id_idx" ON "products"("project_id", "id");

-- CreateIndex
CREATE INDEX "prices_product_id_idx" ON "prices"("product_id");

-- CreateIndex
CREATE INDEX "product_features_project_id_feature_code_idx" ON "product_features"("project_id", "feature_code");

-- CreateIndex
CREATE INDEX "price_features_project_id_feature_code_idx" ON "price_features"("project_id", "feature_code");

-- CreateIndex
CREATE INDEX "customers_uid_idx" ON "customers"("uid");

-- CreateIndex
CREATE INDEX "subscriptions_uid_idx" ON "subscriptions"("uid");

-- CreateIndex
CREATE INDEX "subscriptions_customer_id_idx" ON "subscriptions"("customer_id");

-- CreateIndex
CREATE INDEX "subscription_items_subscription_id_idx" ON "subscription_items"("subscription_id");

-- CreateIndex
CREATE INDEX "subscription_items_price_id_idx" ON "subscription_items"("price_id");

-- CreateIndex
CREATE INDEX "subscription_items_product_id_idx" ON "subscription_items"("product_id");

-- CreateIndex
CREATE INDEX "checkout_sessions_uid_idx" ON "checkout_sessions"("uid");

-- CreateIndex
CREATE INDEX "checkout_sessions_customer_id_idx" ON "checkout_sessions"("customer_id");

-- CreateIndex
CREATE INDEX "checkout_sessions_client_reference_id_idx" ON "checkout_sessions"("client_reference_id");

-- CreateIndex
CREATE INDEX "checkout_sessions_payment_intent_id_idx" ON "checkout_sessions"("payment_intent_id");

-- CreateIndex
CREATE INDEX "checkout_sessions_subscription_id_idx" ON "checkout_sessions"("subscription_id");

-- CreateIndex
CREATE INDEX "checkout_sessions_invoice_id_idx" ON "checkout_sessions"("invoice_id");

-- CreateIndex
CREATE INDEX "purchases_uid_idx" ON "purchases"("uid");

-- CreateIndex
CREATE INDEX "purchases_session_id_idx" ON "purchases"("session_id");

-- CreateIndex
CREATE INDEX "purchases_payment_intent_id_idx" ON "purchases"("payment_intent_id");

-- CreateIndex
CREATE INDEX "purchases_invoice_id_idx" ON "purchases"("invoice_id");

-- CreateIndex
CREATE INDEX "purchases_price_id_idx" ON "purchases"("price_id");

-- CreateIndex
CREATE INDEX "purchases_product_id_idx" ON "purchases"("product_id");

-- CreateIndex
CREATE INDEX "charges_payment_intent_id_idx" ON "charges"("payment_intent_id");

-- CreateIndex
CREATE INDEX "refunds_charge_id_idx" ON "refunds"("charge_id");

-- CreateIndex
CREATE INDEX "refunds_payment_intent_id_idx" ON "refunds"("payment_intent_id");

-- CreateIndex
CREATE INDEX "disputes_charge_id_idx" ON "disputes"("charge_id");

-- CreateIndex
CREATE INDEX "disputes_payment_intent_id_idx" ON "disputes"("payment_intent_id");

-- CreateIndex
CREATE INDEX "invoices_subscription_id_idx" ON "invoices"("subscription_id");

-- CreateIndex
CREATE INDEX "invoices_customer_id_idx" ON "invoices"("customer_id");

-- CreateIndex
CREATE INDEX "invoice_payments_invoice_id_idx" ON "invoice_payments"("invoice_id");

-- CreateIndex
CREATE INDEX "invoice_payments_payment_intent_id_idx" ON "invoice_payments"("payment_intent_id");

-- CreateIndex
CREATE INDEX "grants_uid_feature_code_idx" ON "grants"("uid", "feature_code");

-- CreateIndex
CREATE INDEX "grants_project_id_id_idx" ON "grants"("project_id", "id");

-- CreateIndex
CREATE INDEX "revocations_uid_feature_code_idx" ON "revocations"("uid", "feature_code");

-- CreateIndex
CREATE INDEX "revocations_project_id_id_idx" ON "revocations"("project_id", "id");

-- CreateIndex
CREATE INDEX "entitlement_segments_uid_recorded_at_idx" ON "entitlement_segments"("uid", "recorded_at");

-- CreateIndex
CREATE INDEX "webhook_events_object_type_object_id_number_idx" ON "webhook_events"("object_type", "object_id", "number");

-- CreateIndex
CREATE INDEX "webhook_events_received_at_idx" ON "webhook_events"("received_at");

-- CreateIndex
CREATE UNIQUE INDEX "webhook_events_account_livemode_event_id_key" ON "webhook_events"("account", "livemode", "event_id");

-- CreateIndex
CREATE UNIQUE INDEX "checkout_intents_session_id_key" ON "checkout_intents"("session_id");

-- CreateIndex
CREATE INDEX "checkout_intents_uid_idx" ON "checkout_intents"("uid");

-- CreateIndex
CREATE UNIQUE INDEX "audit_entries_number_key" ON "audit_entries"("number");

-- CreateIndex
CREATE INDEX "audit_entries_project_id_number_idx" ON "audit_entries"("project_id", "number");

-- CreateIndex
CREATE INDEX "audit_entries_project_id_user_id_number_idx" ON "audit_entries"("project_id", "user_id", "number");

-- CreateIndex
CREATE INDEX "idempotency_records_created_at_idx" ON "idempotency_records"("created_at");

-- CreateIndex
CREATE INDEX "refreshes_project_id_catalog_revision_idx" ON "refreshes"("project_id", "catalog_revision");

-- CreateIndex
CREATE UNIQUE INDEX "reconciliation_runs_slot_key" ON "reconciliation_runs"("slot");

-- CreateIndex
CREATE INDEX "reconciliation_findings_run_id_id_idx" ON "reconciliation_findings"("run_id", "id");

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "users" ADD CONSTRAINT "users_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "features" ADD CONSTRAINT "features_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "products" ADD CONSTRAINT "products_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "prices" ADD CONSTRAINT "prices_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "product_features" ADD CONSTRAINT "product_features_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "product_features" ADD CONSTRAINT "product_features_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "product_features" ADD CONSTRAINT "product_features_project_id_feature_code_fkey" FOREIGN KEY ("project_id", "feature_code") REFERENCES "features"("project_id", "code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "price_features" ADD CONSTRAINT "price_features_price_id_fkey" FOREIGN KEY ("price_id") REFERENCES "prices"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "price_features" ADD CONSTRAINT "price_features_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "price_features" ADD CONSTRAINT "price_features_project_id_feature_code_fkey" FOREIGN KEY ("project_id", "feature_code") REFERENCES "features"("project_id", "code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "customers" ADD CONSTRAINT "customers_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "subscriptions" ADD CONSTRAINT "subscriptions_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "subscription_items" ADD CONSTRAINT "subscription_items_subscription_id_fkey" FOREIGN KEY ("subscription_id") REFERENCES "subscriptions"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "checkout_sessions" ADD CONSTRAINT "checkout_sessions_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "purchases" ADD CONSTRAINT "purchases_session_id_fkey" FOREIGN KEY ("session_id") REFERENCES "checkout_sessions"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "purchases" ADD CONSTRAINT "purchases_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "invoice_payments" ADD CONSTRAINT "invoice_payments_invoice_id_fkey" FOREIGN KEY ("invoice_id") REFERENCES "invoices"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "grants" ADD CONSTRAINT "grants_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "grants" ADD CONSTRAINT "grants_project_id_feature_code_fkey" FOREIGN KEY ("project_id", "feature_code") REFERENCES "features"("project_id", "code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revocations" ADD CONSTRAINT "revocations_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revocations" ADD CONSTRAINT "revocations_project_id_feature_code_fkey" FOREIGN KEY ("project_id", "feature_code") REFERENCES "features"("project_id", "code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "entitlement_segments" ADD CONSTRAINT "entitlement_segments_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "checkout_intents" ADD CONSTRAINT "checkout_intents_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "checkout_intents" ADD CONSTRAINT "checkout_intents_uid_fkey" FOREIGN KEY ("uid") REFERENCES "users"("uid") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reconciliation_findings" ADD CONSTRAINT "reconciliation_findings_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "reconciliation_runs"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
