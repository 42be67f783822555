-- What was recorded until now took whatever gave the feature, and so does what instances of the last
-- release record, which do not name the column: the default is theirs.
-- AlterTable
ALTER TABLE "revocations" ADD COLUMN     "block" BOOLEAN NOT NULL DEFAULT true;
