-- Who hears of what: one document a cost center, and the organisation's under '*'. Secrets in it are sealed.
CREATE TABLE alert_routes (
  cost_center TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  revision INTEGER NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

-- What holds for every cost center and for '*': its own routes, or else the organisation's.
CREATE VIEW alert_routes_in_force AS
SELECT o.id AS cost_center, r.document AS document, r.revision AS revision
FROM (SELECT id FROM cost_centers UNION ALL SELECT '*') o
JOIN alert_routes r ON r.cost_center = coalesce(
  (SELECT own.cost_center FROM alert_routes own WHERE own.cost_center = o.id), '*'
);
