-- In the order in which objects are due: what was tried in vain stands behind what was not.
DROP INDEX followed_objects_wanted;
CREATE INDEX followed_objects_wanted ON followed_objects (urgency, (coalesce(next_attempt_at, wanted_at)))
  WHERE wanted > fetched;

-- The purge finds what is left to purge, however much was purged before.
CREATE INDEX webhook_events_with_payload ON webhook_events (received_at) WHERE payload IS NOT NULL;

-- Users behind their project's catalog, those longest behind first.
-- DropIndex
DROP INDEX "users_project_id_catalog_revision_idx";
-- CreateIndex
CREATE INDEX "users_project_id_catalog_revision_uid_idx" ON "users"("project_id", "catalog_revision", "uid");

-- A customer may be one project's, and something of it another's by its own metadata: what is known to
-- be of a subscription or a purchase is of its user alone.
CREATE OR REPLACE VIEW object_owners AS
SELECT o.object_type, o.object_id, u.project_id, u.uid
FROM (
  SELECT 'customer' AS object_type, id AS object_id, uid FROM customers
  UNION ALL SELECT 'entitlement_summary', id, uid FROM customers
  UNION ALL SELECT 'subscription', id, uid FROM subscriptions
  UNION ALL SELECT 'checkout.session', id, uid FROM checkout_sessions
  -- A guest's session has no user; its purchase may have been given one.
  UNION ALL SELECT 'checkout.session', session_id, uid FROM purchases
  UNION ALL SELECT 'invoice', i.id, s.uid FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id
  UNION ALL SELECT 'invoice', i.id, c.uid FROM invoices i JOIN customers c ON c.id = i.customer_id
    LEFT JOIN subscriptions s ON s.id = i.subscription_id WHERE s.uid IS NULL
  UNION ALL SELECT 'invoice', invoice_id, uid FROM purchases WHERE invoice_id IS NOT NULL
  UNION ALL SELECT 'charge', ch.id, p.uid FROM charges ch JOIN purchases p ON p.payment_intent_id = ch.payment_intent_id
  UNION ALL SELECT 'charge', ch.id, s.uid FROM charges ch
    JOIN invoice_payments ip ON ip.payment_intent_id = ch.payment_intent_id
    JOIN invoices i ON i.id = ip.invoice_id JOIN subscriptions s ON s.id = i.subscription_id
  UNION ALL SELECT 'charge', ch.id, c.uid FROM charges ch JOIN customers c ON c.id = ch.customer_id
    WHERE NOT EXISTS (
      SELECT FROM invoice_payments ip JOIN invoices i ON i.id = ip.invoice_id
        JOIN subscriptions s ON s.id = i.subscription_id
      WHERE ip.payment_intent_id = ch.payment_intent_id AND s.uid <> c.uid)
  UNION ALL SELECT 'dispute', d.id, p.uid FROM disputes d JOIN purchases p ON p.payment_intent_id = d.payment_intent_id
  UNION ALL SELECT 'dispute', d.id, s.uid FROM disputes d
    JOIN invoice_payments ip ON ip.payment_intent_id = d.payment_intent_id
    JOIN invoices i ON i.id = ip.invoice_id JOIN subscriptions s ON s.id = i.subscription_id
  UNION ALL SELECT 'dispute', d.id, c.uid FROM disputes d
    JOIN charges ch ON ch.id = d.charge_id JOIN customers c ON c.id = ch.customer_id
    WHERE NOT EXISTS (
      SELECT FROM invoice_payments ip JOIN invoices i ON i.id = ip.invoice_id
        JOIN subscriptions s ON s.id = i.subscription_id
      WHERE ip.payment_intent_id = d.payment_intent_id AND s.uid <> c.uid)
) o JOIN users u ON u.uid = o.uid
UNION ALL
SELECT 'product', id, project_id, NULL FROM products WHERE project_id IS NOT NULL
UNION ALL
SELECT 'price', pr.id, p.project_id, NULL FROM prices pr JOIN products p ON p.id = pr.product_id
WHERE p.project_id IS NOT NULL;
