ALTER TABLE "followed_objects" ADD COLUMN "told_at" TIMESTAMPTZ(3);

-- Failed objects are tried again, rarely, so the claim looks at them too.
DROP INDEX followed_objects_wanted;
CREATE INDEX followed_objects_wanted ON followed_objects (urgency, wanted_at) WHERE wanted > fetched;

-- CreateTable
CREATE TABLE "stripe_budget" (
    "bucket" TEXT NOT NULL,
    "tokens" DOUBLE PRECISION NOT NULL,
    "refilled_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_budget_pkey" PRIMARY KEY ("bucket")
);

-- What a crash takes away fills up again within a second; nothing is worth a write to the log.
ALTER TABLE stripe_budget SET UNLOGGED;

-- Takes one request from every bucket, or from none. Answers how many seconds to wait before it is worth
-- asking again: 0 = taken. A bucket fills at its rate, up to its capacity. Time never runs backwards
-- for a bucket, so that instances whose clocks differ take no more than one clock would allow.
CREATE FUNCTION take_stripe_request(
  buckets text[], rates double precision[], capacities double precision[], at timestamptz
) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
  held record;
  wait double precision := 0;
BEGIN
  INSERT INTO stripe_budget (bucket, tokens, refilled_at)
  SELECT name, capacity, at FROM unnest(buckets, capacities) AS asked (name, capacity) ORDER BY name
  ON CONFLICT (bucket) DO NOTHING;

  FOR held IN
    SELECT b.bucket, asked.rate,
      least(asked.capacity,
        b.tokens + asked.rate * greatest(0, extract(epoch FROM at - b.refilled_at))) AS tokens
    FROM stripe_budget b
    JOIN unnest(buckets, rates, capacities) AS asked (name, rate, capacity) ON asked.name = b.bucket
    ORDER BY b.bucket FOR UPDATE OF b
  LOOP
    IF held.tokens < 1 THEN
      wait := greatest(wait, (1 - held.tokens) / held.rate);
    END IF;
  END LOOP;
  IF wait > 0 THEN
    RETURN wait;
  END IF;

  UPDATE stripe_budget b SET
    tokens = least(asked.capacity,
      b.tokens + asked.rate * greatest(0, extract(epoch FROM at - b.refilled_at))) - 1,
    refilled_at = greatest(b.refilled_at, at)
  FROM unnest(buckets, rates, capacities) AS asked (name, rate, capacity)
  WHERE asked.name = b.bucket;
  RETURN 0;
END $$;
