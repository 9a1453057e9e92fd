-- Who may do what, beside the admin token: roles of people by what their identity provider says of them, and tokens of
-- programs. What a role allows stands in worker/auth/permissions.ts.
CREATE TABLE role_bindings (
  id TEXT PRIMARY KEY,
  -- 'email', 'group' or 'subject': which claim has to have the value.
  "by" TEXT NOT NULL,
  -- Whose claim; null: of any issuer that the deployment trusts.
  issuer TEXT,
  -- An e-mail is in lower case.
  value TEXT NOT NULL,
  role TEXT NOT NULL,
  -- Where the role is had; null: everywhere.
  cost_center TEXT REFERENCES cost_centers (id),
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX role_bindings_once
ON role_bindings ("by", value, role, ifnull(issuer, ''), ifnull(cost_center, ''));

-- A cost center's manager has that role there without a binding.
CREATE INDEX cost_centers_by_manager ON cost_centers (lower(manager_email));

CREATE TABLE service_tokens (
  id TEXT PRIMARY KEY,
  -- The audit log's actor is 'service:<name>': one token of a name is in use at a time.
  name TEXT NOT NULL,
  -- SHA-256 of the secret in base64url; the secret itself is nowhere.
  secret_sha256 TEXT NOT NULL,
  -- JSON list of actions.
  scopes TEXT NOT NULL,
  -- JSON list of cost centers; null: all.
  cost_centers TEXT,
  expires_at TEXT,
  revoked_at TEXT,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX service_tokens_in_use ON service_tokens (name) WHERE revoked_at IS NULL;
