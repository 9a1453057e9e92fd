-- What each month's books say: money where it is booked, which for a turn of a closed month is a later one. By the
-- roll-ups, so that it answers for all time and at once; days that are not rolled up yet are not in it.
CREATE VIEW report_booked_months AS
SELECT
  r.booked_month AS month,
  r.cost_center AS cost_center,
  -- As it was called at the end of the month.
  (
    SELECT n.name FROM cost_center_names n
    WHERE n.cost_center = r.cost_center AND substr(n.from_at, 1, 7) <= r.booked_month
    ORDER BY n.from_at DESC LIMIT 1
  ) AS cost_center_name,
  EXISTS (SELECT 1 FROM closed_months c WHERE c.month = r.booked_month) AS closed,
  sum(r.charges) AS charges,
  sum(r.corrections) AS corrections,
  sum(r.list_nano_usd) AS list_nano_usd,
  sum(r.charged_nano_usd) AS charged_nano_usd,
  -- Of turns of an earlier month, closed by then.
  coalesce(sum(r.charged_nano_usd) FILTER (WHERE r.booked_month <> substr(r.day, 1, 7)), 0) AS late_nano_usd,
  sum(r.charged_nano_usd) / 1e9 AS charged_usd
FROM daily_rollups r
GROUP BY r.booked_month, r.cost_center;
