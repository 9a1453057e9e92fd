-- Which provider answered, what it takes, and who pays it.

-- Of the deployment's list of providers, by id; `provider` is its kind. Null where none was asked, and in older entries.
ALTER TABLE ledger_entries ADD COLUMN provider_instance TEXT;
-- Its prices for tokens in millionths of the list's, as charged and as listed. Null: list prices.
ALTER TABLE ledger_entries ADD COLUMN price_millionths INTEGER;
-- 'developer': paid for with a credential of the developer's own, and counted here all the same. Null: the organisation.
ALTER TABLE ledger_entries ADD COLUMN billed_to TEXT;
CREATE TRIGGER ledger_entries_keep_their_provider BEFORE UPDATE OF
  provider_instance, price_millionths, billed_to ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
