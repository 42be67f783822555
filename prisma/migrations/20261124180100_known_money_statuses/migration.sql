-- While Stripe reports a status of a refund or a dispute that we do not know, the last one that we knew
-- keeps its effect.
ALTER TABLE "disputes" ADD COLUMN "known_status" TEXT;
ALTER TABLE "refunds" ADD COLUMN "known_status" TEXT;
