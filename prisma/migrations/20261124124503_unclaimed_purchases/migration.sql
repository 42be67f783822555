-- Guests' purchases that have no user (yet) are few among many.
CREATE INDEX purchases_unclaimed ON purchases (id) WHERE uid IS NULL;
