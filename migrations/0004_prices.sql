-- Stands in for the migration of the price catalogue, which brings this column: what the turn would have cost
-- with the model that was asked for. Null in entries from before it.
ALTER TABLE ledger_entries ADD COLUMN asked_nano_usd INTEGER;
