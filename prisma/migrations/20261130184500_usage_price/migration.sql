-- The price under which the units of a bucket were used. Null for a grant.
ALTER TABLE "usage_buckets" ADD COLUMN "price_id" TEXT;
