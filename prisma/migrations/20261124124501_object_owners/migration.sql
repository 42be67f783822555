-- Whose each followed object is: a project's and, save for the catalog's, one user's. The inbox, the
-- page about a user and the erasure of one ask it. An object may have several rows, and the same one
-- twice; one that nobody owns has none.
CREATE VIEW object_owners AS
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
  UNION ALL SELECT 'invoice', invoice_id, uid FROM purchases WHERE invoice_id IS NOT NULL
  UNION ALL SELECT 'charge', ch.id, c.uid FROM charges ch JOIN customers c ON c.id = ch.customer_id
  UNION ALL SELECT 'charge', ch.id, p.uid FROM charges ch JOIN purchases p ON p.payment_intent_id = ch.payment_intent_id
  UNION ALL SELECT 'dispute', d.id, c.uid FROM disputes d
    JOIN charges ch ON ch.id = d.charge_id JOIN customers c ON c.id = ch.customer_id
  UNION ALL SELECT 'dispute', d.id, p.uid FROM disputes d JOIN purchases p ON p.payment_intent_id = d.payment_intent_id
) o JOIN users u ON u.uid = o.uid
UNION ALL
SELECT 'product', id, project_id, NULL FROM products WHERE project_id IS NOT NULL
UNION ALL
SELECT 'price', pr.id, p.project_id, NULL FROM prices pr JOIN products p ON p.id = pr.product_id
WHERE p.project_id IS NOT NULL;

-- From a user to the charges of a customer.
CREATE INDEX charges_customer_id_idx ON charges (customer_id);

-- The ignored are few among many.
CREATE INDEX webhook_events_ignored ON webhook_events (number) WHERE outcome <> 'accepted';
