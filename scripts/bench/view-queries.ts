/** The questions of docs/finance.md, as `npm run bench:views` measures them: each of one month. */

const MONTH = "month = '2026-10'";
const DAYS = "day >= '2026-10-01' AND day < '2026-11-01'";

export const VIEW_QUERIES: Readonly<Record<string, string>> = {
  'daily spend, all columns': `SELECT * FROM report_daily_spend WHERE ${DAYS}`,
  'daily spend by cost center': `SELECT day, cost_center, sum(charged_usd) FROM report_daily_spend WHERE ${DAYS} GROUP BY 1, 2`,
  'daily spend of one day': "SELECT * FROM report_daily_spend WHERE day = '2026-10-10'",
  'monthly spend, all columns': `SELECT * FROM report_monthly_spend WHERE ${MONTH}`,
  'monthly spend by model': `SELECT model, sum(charged_usd) FROM report_monthly_spend WHERE ${MONTH} GROUP BY 1`,
  chargeback: `SELECT * FROM report_chargeback WHERE ${MONTH}`,
  savings: `SELECT * FROM report_savings WHERE ${DAYS}`,
  refusals: `SELECT * FROM report_refusals WHERE ${DAYS}`,
  'estimated charges': `SELECT * FROM report_estimated_charges WHERE ${DAYS}`,
  'session costs': `SELECT * FROM report_session_costs WHERE ${MONTH} ORDER BY charged_nano_usd DESC LIMIT 20`,
  'developer days': `SELECT * FROM report_developer_days WHERE ${DAYS}`,
  'unit costs': `SELECT * FROM report_unit_costs WHERE ${MONTH}`,
  cache: `SELECT * FROM report_cache WHERE ${DAYS}`,
};
