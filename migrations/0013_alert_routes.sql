-- Who hears of what, per cost center; '*' is the organisation. The document is AlertRoutes as JSON, its credentials
-- sealed.
CREATE TABLE alert_routes (
  cost_center TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  revision INTEGER NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

-- A cost center without routes of its own has the organisation's.
CREATE VIEW alert_routes_in_force AS
  SELECT c.id AS cost_center, r.document, r.revision
  FROM cost_centers c
  JOIN alert_routes r ON r.cost_center = coalesce((SELECT o.cost_center FROM alert_routes o WHERE o.cost_center = c.id), '*')
  UNION ALL
  SELECT cost_center, document, revision FROM alert_routes WHERE cost_center = '*';
