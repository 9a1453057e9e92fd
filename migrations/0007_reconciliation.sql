-- What came of comparing the ledger with somebody else's books: with what Anthropic says it bills ('upstream'),
-- and with what the wallets counted ('wallets'). A record is evidence and is never changed: comparing the same
-- thing again adds a record where the outcome is another one, and nothing where it is the same.
CREATE TABLE reconciliations (
  -- Time-ordered (ULID); also the id of the alert event, where there is one.
  reconciliation_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('upstream', 'wallets')),
  -- 'summary': a whole run over the window; 'detail': one key and model, or one cost center and developer.
  level TEXT NOT NULL CHECK (level IN ('summary', 'detail')),
  -- Names what was compared; records of the same subject follow each other, the newest one holds.
  subject TEXT NOT NULL,
  -- 'agrees'; 'differs'; 'outside': spend on a key that is not Bursar's; 'undrained': a wallet's entries do not
  -- reach the ledger.
  result TEXT NOT NULL CHECK (result IN ('agrees', 'differs', 'outside', 'undrained')),
  recorded_at TEXT NOT NULL,
  -- Half-open, UTC; spend counts where its turn was admitted.
  window_start TEXT NOT NULL,
  window_end TEXT NOT NULL,
  cost_center TEXT,
  developer TEXT,
  -- Anthropic's id of the key; 'all' where Bursar's own is not known, 'none' for usage without a key.
  api_key_id TEXT,
  -- 'none' for cost that belongs to no model.
  model TEXT,
  -- Nano-USD (10^-9 USD) by the ledger, and by Anthropic or the wallet.
  ledger_nano_usd INTEGER NOT NULL,
  counterpart_nano_usd INTEGER NOT NULL,
  -- Above 0: the ledger lacks money.
  difference_nano_usd INTEGER GENERATED ALWAYS AS (counterpart_nano_usd - ledger_nano_usd) VIRTUAL,
  -- JSON, see docs/reconciliation.md.
  evidence TEXT NOT NULL
) STRICT;
CREATE INDEX reconciliations_by_subject ON reconciliations (subject, reconciliation_id);
CREATE INDEX reconciliations_by_cost_center ON reconciliations (cost_center, reconciliation_id);
CREATE INDEX reconciliations_by_window ON reconciliations (kind, level, window_start);
CREATE TRIGGER reconciliations_are_never_changed BEFORE UPDATE ON reconciliations
BEGIN SELECT RAISE(ABORT, 'reconciliations are never changed'); END;
CREATE TRIGGER reconciliations_are_never_deleted BEFORE DELETE ON reconciliations
BEGIN SELECT RAISE(ABORT, 'reconciliations are never deleted'); END;
-- INSERT OR REPLACE deletes without asking delete triggers.
CREATE TRIGGER reconciliations_are_never_replaced BEFORE INSERT ON reconciliations
WHEN EXISTS (SELECT 1 FROM reconciliations WHERE reconciliation_id = NEW.reconciliation_id)
BEGIN SELECT RAISE(IGNORE); END;

-- How far each job has come; one row a job, overwritten.
CREATE TABLE reconciliation_progress (
  kind TEXT PRIMARY KEY,
  -- JSON of the job's own.
  document TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
