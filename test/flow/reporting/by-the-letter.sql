-- docs/reports.md once more, sentence by sentence, in one statement that shares nothing with the service.
-- $1, $2: the window; $3: when the report is made. Answers a line per figure of a report's table.
WITH RECURSIVE
-- "Whose it is"
taken AS (SELECT id AS product_id, project_id FROM products WHERE project_id IS NOT NULL),
customer_project AS (
  SELECT c.id AS customer_id, u.project_id FROM customers c JOIN users u USING (uid)
),
first_taken AS (
  SELECT DISTINCT ON (subscription_id) subscription_id, t.project_id
  FROM subscription_items JOIN taken t USING (product_id) ORDER BY subscription_id, position
),
subs AS (
  SELECT s.*, coalesce(u.project_id, f.project_id) AS project_id,
    CASE WHEN s.uid IS NULL THEN s.customer_id ELSE s.uid::text END AS person
  FROM subscriptions s LEFT JOIN users u USING (uid) LEFT JOIN first_taken f ON f.subscription_id = s.id
),
purchase_user AS (
  SELECT DISTINCT ON (session_id) session_id, u.project_id FROM purchases JOIN users u USING (uid)
  ORDER BY session_id, id
),
purchase_product AS (
  SELECT DISTINCT ON (session_id) session_id, t.project_id FROM purchases JOIN taken t USING (product_id)
  ORDER BY session_id, id
),
checkouts AS (
  SELECT cs.*, coalesce(u.project_id, pu.project_id, cp.project_id, pp.project_id) AS project_id
  FROM checkout_sessions cs LEFT JOIN users u USING (uid)
  LEFT JOIN purchase_user pu ON pu.session_id = cs.id
  LEFT JOIN customer_project cp ON cp.customer_id = cs.customer_id
  LEFT JOIN purchase_product pp ON pp.session_id = cs.id
),
-- a receipt is named by its checkout, or was paid with the same payment
receipts AS (
  SELECT cs.id AS session_id, cs.project_id, i.id AS invoice_id
  FROM checkouts cs JOIN invoices i ON i.id = cs.invoice_id
  UNION
  SELECT cs.id, cs.project_id, ip.invoice_id
  FROM checkouts cs JOIN invoice_payments ip USING (payment_intent_id)
),
bills AS (
  SELECT i.*, coalesce(s.project_id, r.project_id, cp.project_id) AS project_id
  FROM invoices i LEFT JOIN subs s ON s.id = i.subscription_id
  LEFT JOIN receipts r ON r.invoice_id = i.id
  LEFT JOIN customer_project cp ON cp.customer_id = i.customer_id
),

-- "Subscriptions"
active_subs AS (SELECT * FROM subs WHERE effective_status IN ('active', 'trialing', 'past_due')),
active_items AS (
  SELECT s.project_id, s.id, i.product_id, i.price_id FROM active_subs s
  JOIN subscription_items i ON i.subscription_id = s.id WHERE i.quantity IS DISTINCT FROM 0
),

-- "New, churned, reactivated, trialing"
lives AS (
  SELECT project_id, person, start_date AS began, trial_start, trial_end,
    CASE WHEN effective_status = 'canceled' THEN coalesce(ended_at, canceled_at) ELSE ended_at END AS ended
  FROM subs
  WHERE effective_status NOT IN ('incomplete', 'incomplete_expired')
    AND NOT (effective_status = 'canceled' AND ended_at IS NULL AND canceled_at IS NULL)
),
seen AS (
  SELECT *, max(coalesce(ended, 'infinity')) OVER (
    PARTITION BY project_id, person ORDER BY began
    RANGE BETWEEN UNBOUNDED PRECEDING AND '1 microsecond'::interval PRECEDING) AS last_of_former
  FROM lives
),

-- "MRR", 1 to 3: what an item costs for its period
amounts AS (
  SELECT id AS price_id, currency, coalesce(unit_amount_decimal::numeric, unit_amount) AS unit, tiers FROM prices
  UNION ALL
  SELECT id, o.key, (o.value ->> 'unitAmount')::numeric, NULL FROM prices, jsonb_each(currency_options) o
),
costs AS (
  SELECT s.id AS sub, s.project_id, s.currency, i.id AS item, i.quantity, p.interval, p.interval_count,
    CASE WHEN i.quantity IS NULL OR i.quantity = 0 OR p.usage_type = 'metered' THEN 0
      WHEN p.tiers_mode IS NULL THEN a.unit * CASE
        WHEN p.divide_quantity_by IS NULL THEN i.quantity
        WHEN p.round_quantity = 'up' THEN ceil(i.quantity::numeric / p.divide_quantity_by)
        ELSE floor(i.quantity::numeric / p.divide_quantity_by) END
      WHEN p.tiers_mode = 'volume' THEN (
        SELECT i.quantity * (t ->> 'unitAmount')::numeric + coalesce((t ->> 'flatAmount')::numeric, 0)
        FROM jsonb_array_elements(a.tiers) WITH ORDINALITY e (t, n)
        WHERE (t ->> 'upTo') IS NULL OR (t ->> 'upTo')::int >= i.quantity ORDER BY n LIMIT 1)
      WHEN p.tiers_mode = 'graduated' THEN (
        SELECT sum((least(i.quantity, coalesce(last, i.quantity)) - below) * unit + flat)
        FROM (
          SELECT (t ->> 'upTo')::int AS last, coalesce(lag((t ->> 'upTo')::int) OVER (ORDER BY n), 0) AS below,
            (t ->> 'unitAmount')::numeric AS unit, coalesce((t ->> 'flatAmount')::numeric, 0) AS flat
          FROM jsonb_array_elements(a.tiers) WITH ORDINALITY e (t, n)) parts
        WHERE below < i.quantity)
    END AS cost
  FROM subs s JOIN subscription_items i ON i.subscription_id = s.id
  LEFT JOIN prices p ON p.id = i.price_id
  LEFT JOIN amounts a ON a.price_id = p.id AND a.currency = s.currency
),
-- 4: discounts in force, of items first (the generated ones have one at most)
in_force AS (
  SELECT d.*, CASE WHEN d.currency = s.currency THEN d.amount_off ELSE 0 END AS off
  FROM subscription_discounts d JOIN subscriptions s ON s.id = d.subscription_id
  WHERE d.duration <> 'once' AND (d.end_at IS NULL OR d.end_at > $3)
),
due AS (
  SELECT c.sub, c.project_id, c.currency,
    -- 5: times a month, in parts of 168
    CASE c.interval WHEN 'month' THEN 168.0 WHEN 'year' THEN 14.0 WHEN 'week' THEN 730.0 WHEN 'day' THEN 5110.0 END
      / c.interval_count AS times,
    CASE WHEN d.id IS NULL THEN c.cost
      WHEN d.percent_off IS NOT NULL THEN c.cost * (100 - d.percent_off::numeric) / 100
      ELSE greatest(0, c.cost - d.off) END AS cost
  FROM costs c LEFT JOIN in_force d ON d.item_id = c.item
  WHERE c.cost IS NOT NULL AND c.quantity IS DISTINCT FROM 0
),
often AS (
  SELECT DISTINCT ON (sub) sub, times, sum(cost) AS most FROM due
  GROUP BY sub, times ORDER BY sub, times DESC NULLS LAST
),
seldom AS (
  SELECT sub, sum(d.cost * d.times) AS parts FROM due d JOIN often o USING (sub)
  WHERE d.times < o.times GROUP BY sub
),
stack AS (
  SELECT *, row_number() OVER (PARTITION BY subscription_id ORDER BY position) AS step
  FROM in_force WHERE item_id IS NULL
),
-- of what is billed most often, and the share of all else that percentages leave
lowered AS (
  SELECT sub, 0::bigint AS step, most, 1::numeric AS share FROM often
  UNION ALL
  SELECT l.sub, k.step,
    CASE WHEN k.percent_off IS NOT NULL THEN l.most * (100 - k.percent_off::numeric) / 100
      ELSE greatest(0, l.most - k.off) END,
    l.share * CASE WHEN k.percent_off IS NOT NULL THEN (100 - k.percent_off::numeric) / 100 ELSE 1 END
  FROM lowered l JOIN stack k ON k.subscription_id = l.sub AND k.step = l.step + 1
),
final AS (SELECT DISTINCT ON (sub) * FROM lowered ORDER BY sub, step DESC),
monthly AS (
  SELECT sub, f.most * o.times + coalesce(s.parts, 0) * f.share AS parts
  FROM often o JOIN final f USING (sub) LEFT JOIN seldom s USING (sub)
),
placed AS (
  SELECT *, CASE
    WHEN effective_status = 'trialing' THEN 'mrr_apart.trialing'
    WHEN effective_status = 'paused' THEN 'mrr_apart.paused'
    WHEN effective_status IN ('active', 'past_due') THEN
      CASE WHEN collection_paused THEN 'mrr_apart.paused' ELSE 'mrr' END END AS place
  FROM subs
),

-- "Revenue"
paid_bills AS (SELECT * FROM bills WHERE status = 'paid' AND amount_paid > 0),
paid_checkouts AS (
  SELECT *, (SELECT min(purchased_at) FROM purchases p WHERE p.session_id = c.id) AS charged_at
  FROM checkouts c
  WHERE mode = 'payment' AND status = 'complete' AND payment_status = 'paid' AND amount_total > 0
),
-- what counts as gross, each payment once
intents AS (
  SELECT ip.payment_intent_id AS intent, b.project_id
  FROM paid_bills b JOIN invoice_payments ip ON ip.invoice_id = b.id
  UNION
  SELECT payment_intent_id, project_id FROM paid_checkouts
),
back AS (
  SELECT 'refunded' AS kind, charge_id, payment_intent_id, currency, amount, created_at FROM refunds
  WHERE coalesce(known_status, status) IN ('succeeded', 'pending', 'requires_action')
  UNION ALL
  SELECT 'disputed', charge_id, payment_intent_id, currency, amount, created_at FROM disputes
  WHERE coalesce(known_status, status) = 'lost'
),
money AS (
  SELECT project_id, currency, 'gross' AS kind, amount_paid AS amount FROM paid_bills
  WHERE paid_at >= $1 AND paid_at < $2
  UNION ALL
  SELECT project_id, currency, 'gross', amount_total FROM paid_checkouts c
  WHERE charged_at >= $1 AND charged_at < $2
    AND id NOT IN (SELECT session_id FROM receipts JOIN paid_bills b ON b.id = invoice_id)
  UNION ALL
  SELECT i.project_id, back.currency, kind, back.amount
  FROM back JOIN charges c ON c.id = charge_id
  JOIN intents i ON i.intent = coalesce(back.payment_intent_id, c.payment_intent_id)
  WHERE back.created_at >= $1 AND back.created_at < $2
)

SELECT project_id, 'subscriptions.by_status' AS figure, status AS of, '' AS currency, count(*)::text AS value
FROM subs WHERE project_id IS NOT NULL GROUP BY project_id, status
UNION ALL
SELECT project_id, 'subscriptions.by_product', product_id, '', count(DISTINCT id)::text
FROM active_items WHERE project_id IS NOT NULL GROUP BY project_id, product_id
UNION ALL
SELECT project_id, 'subscriptions.by_price', price_id, '', count(DISTINCT id)::text
FROM active_items WHERE project_id IS NOT NULL GROUP BY project_id, price_id
UNION ALL
SELECT p.id, figure, '', '', count(s.*) FILTER (WHERE counts)::text
FROM projects p LEFT JOIN seen s ON s.project_id = p.id
CROSS JOIN LATERAL (VALUES
  ('subscriptions.new', began >= $1 AND began < $2 AND (last_of_former IS NULL OR last_of_former >= began)),
  ('subscriptions.reactivated', began >= $1 AND began < $2 AND last_of_former < began),
  ('subscriptions.churned', ended >= $1 AND ended < $2),
  ('subscriptions.trialing', tstzrange(trial_start, greatest(trial_start, least(trial_end, ended))) && tstzrange($1, $2)
    AND trial_start IS NOT NULL)
) f (figure, counts) GROUP BY p.id, figure
UNION ALL
SELECT p.project_id, p.place, '', p.currency, round(sum(m.parts) / 168, 0)::text
FROM placed p JOIN monthly m ON m.sub = p.id WHERE p.place IS NOT NULL AND p.project_id IS NOT NULL
GROUP BY p.project_id, p.place, p.currency HAVING round(sum(m.parts) / 168, 0) <> 0
UNION ALL
SELECT j.id, 'mrr_apart.unpriced_items', '', '', (
  SELECT count(*)::text FROM costs c JOIN placed p ON p.id = c.sub
  WHERE p.project_id = j.id AND p.place IS NOT NULL AND c.cost IS NULL)
FROM projects j
UNION ALL
SELECT project_id, 'revenue.' || k, '', currency,
  coalesce(sum(amount * CASE WHEN k <> 'net' THEN (kind = k)::int WHEN kind = 'gross' THEN 1 ELSE -1 END), 0)::text
FROM money, unnest(ARRAY['gross', 'refunded', 'disputed', 'net']) k
WHERE project_id IS NOT NULL GROUP BY project_id, currency, k
UNION ALL
SELECT p.id, 'payments.failed', '', '', (
  SELECT count(*)::text FROM bills b
  WHERE b.project_id = p.id AND b.payment_failed AND b.finalized_at >= $1 AND b.finalized_at < $2)
FROM projects p
UNION ALL
SELECT p.id, 'payments.recovered', '', '', (
  SELECT count(*)::text FROM bills b
  WHERE b.project_id = p.id AND b.payment_failed AND b.status = 'paid' AND b.paid_at >= $1 AND b.paid_at < $2)
FROM projects p
UNION ALL
SELECT f.project_id, 'entitled_users', f.code, '', (
  SELECT count(DISTINCT s.uid)::text FROM entitlement_segments s JOIN users u USING (uid)
  WHERE u.project_id = f.project_id AND s.feature_code = f.code AND s.allowed AND s.superseded_at IS NULL
    AND tstzrange(s.valid_from, s.valid_to) @> $3)
FROM features f WHERE f.archived_at IS NULL
UNION ALL
SELECT p.id, 'grants_in_force', '', '', (
  SELECT count(*)::text FROM grants g JOIN users u USING (uid)
  WHERE u.project_id = p.id AND tstzrange(g.valid_from, g.valid_to) @> $3 AND (g.ended_at IS NULL OR g.ended_at > $3))
FROM projects p
