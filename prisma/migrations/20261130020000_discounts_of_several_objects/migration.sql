-- One discount of Stripe's may be on several objects: a row is named by what it is on, and its place there.
UPDATE subscription_discounts SET id = coalesce(item_id, subscription_id) || '/' || position;

-- Only reports need discounts: no value of theirs may refuse the sync of a subscription.
ALTER TABLE subscription_discounts DROP CONSTRAINT subscription_discounts_off;
