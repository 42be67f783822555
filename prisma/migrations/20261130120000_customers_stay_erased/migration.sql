-- AlterTable
ALTER TABLE "customers" ADD COLUMN     "erased_at" TIMESTAMPTZ(3);

-- A customer of an erased user stays erased when it is unlinked or moves: the address is the same person's.
CREATE FUNCTION keep_customers_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.erased_at IS NULL THEN
    SELECT erased_at INTO NEW.erased_at FROM users
      WHERE uid IN (OLD.uid, NEW.uid) AND erased_at IS NOT NULL LIMIT 1;
  END IF;
  IF NEW.erased_at IS NOT NULL THEN
    NEW.email := NULL;
  END IF;
  RETURN NEW;
END $$;
-- Safe for instances that run: it only keeps away addresses that an operator erased.
CREATE TRIGGER customers_stay_erased BEFORE UPDATE ON customers
  FOR EACH ROW WHEN (NEW.email IS NOT NULL OR NEW.uid IS DISTINCT FROM OLD.uid)
  EXECUTE FUNCTION keep_customers_erased();
