-- AlterTable
ALTER TABLE "invoices" ADD COLUMN     "payment_failed" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "prices" ADD COLUMN     "currency_options" JSONB,
ADD COLUMN     "divide_quantity_by" INTEGER,
ADD COLUMN     "round_quantity" TEXT,
ADD COLUMN     "tiers" JSONB;

-- CreateTable
CREATE TABLE "subscription_discounts" (
    "id" TEXT NOT NULL,
    "subscription_id" TEXT NOT NULL,
    "item_id" TEXT,
    "position" INTEGER NOT NULL,
    "coupon_id" TEXT NOT NULL,
    "percent_off" TEXT,
    "amount_off" BIGINT,
    "currency" TEXT,
    "duration" TEXT NOT NULL,
    "end_at" TIMESTAMPTZ(3),

    CONSTRAINT "subscription_discounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "daily_reports" (
    "project_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "measured_at" TIMESTAMPTZ(3),
    "figures" JSONB NOT NULL,

    CONSTRAINT "daily_reports_pkey" PRIMARY KEY ("project_id","day")
);

-- CreateIndex
CREATE INDEX "subscription_discounts_subscription_id_idx" ON "subscription_discounts"("subscription_id");

-- CreateIndex
CREATE INDEX "purchases_purchased_at_idx" ON "purchases"("purchased_at");

-- CreateIndex
CREATE INDEX "refunds_created_at_idx" ON "refunds"("created_at");

-- AddForeignKey
ALTER TABLE "subscription_discounts" ADD CONSTRAINT "subscription_discounts_subscription_id_fkey" FOREIGN KEY ("subscription_id") REFERENCES "subscriptions"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "daily_reports" ADD CONSTRAINT "daily_reports_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What is reported by when it happened; of invoices the paid ones and those that once failed.
CREATE INDEX invoices_paid ON invoices (paid_at) WHERE status = 'paid';
CREATE INDEX invoices_failed ON invoices (finalized_at) WHERE payment_failed;

ALTER TABLE prices ADD CONSTRAINT prices_divide_quantity_by CHECK (divide_quantity_by > 0);
ALTER TABLE subscription_discounts
  ADD CONSTRAINT subscription_discounts_off CHECK (percent_off IS NULL OR amount_off IS NULL);

-- As far as the mirror can tell of invoices that it has already.
UPDATE invoices SET payment_failed = true
WHERE (status = 'paid' AND attempt_count > 1) OR (status IN ('uncollectible', 'void') AND attempt_count > 0);

-- Prices are fetched again for their tiers and other currencies, running subscriptions for their
-- discounts, when nothing else waits.
UPDATE followed_objects f SET
  wanted = next_number(), urgency = 2, wanted_at = now(), attempts = 0, next_attempt_at = NULL, failed_at = NULL
WHERE wanted <= fetched AND (
  (object_type = 'price' AND EXISTS (SELECT FROM prices p WHERE p.id = f.object_id AND p.type = 'recurring'))
  OR (object_type = 'subscription' AND EXISTS (
    SELECT FROM subscriptions s WHERE s.id = f.object_id AND s.status NOT IN ('canceled', 'incomplete_expired')))
);
