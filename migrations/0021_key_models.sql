-- The only models a key may use, by first-party id: a JSON array of at least one. Null: all that its policy allows.
ALTER TABLE virtual_keys ADD COLUMN allowed_models TEXT
  CHECK (allowed_models IS NULL OR json_array_length(allowed_models) > 0);
