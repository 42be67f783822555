ALTER TABLE "users" ADD COLUMN "erased_at" TIMESTAMPTZ(3);

-- What an operator erased stays erased, whatever Stripe goes on telling, and whichever release writes it.
CREATE FUNCTION keep_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM users WHERE uid = NEW.uid AND erased_at IS NOT NULL) THEN
    NEW.email := NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER customers_keep_erased BEFORE INSERT OR UPDATE ON customers
  FOR EACH ROW WHEN (NEW.email IS NOT NULL AND NEW.uid IS NOT NULL) EXECUTE FUNCTION keep_erased();
