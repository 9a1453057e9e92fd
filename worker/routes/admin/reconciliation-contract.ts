/** What reconciliation looks like in requests and answers. */
import { z } from '@hono/zod-openapi';
import { WALLET_DAYS } from '../../finance/reconcile-wallets.ts';
import { DAY_MS, startOfDay } from '../../finance/reconciliation-run.ts';
import { RECONCILIATION_KINDS, RECONCILIATION_RESULTS } from '../../store/reconciliations.ts';
import { endsAfterItBegins, moment, SPAN_ERROR } from './fields.ts';
import { pageQuery } from './paging.ts';

/** Anthropic's report reaches back this far, and not before 2026. */
const REPORT_DAYS = 365;
const REPORT_BEGINS = '2026-01-01';

export const reconciliationQuery = z
  .strictObject({
    kind: z.enum(RECONCILIATION_KINDS).optional(),
    cost_center: z.string().optional(),
    from: moment.optional().openapi({ description: 'Of windows that begin at or after this; UTC.' }),
    to: moment.optional().openapi({ description: 'Of windows that begin before this; UTC.' }),
    ...pageQuery,
  })
  .refine(endsAfterItBegins, SPAN_ERROR);

/** Whether the day ("2026-11-23") began within the last `days` days. */
function isWithin(day: string, days: number): boolean {
  return Date.parse(day) >= startOfDay(Date.now()) - days * DAY_MS;
}

export function isWithinWallets(day: string): boolean {
  return isWithin(day, WALLET_DAYS);
}

const finishedDay = z.iso
  .date({ error: 'expected a date such as "2026-11-23"', abort: true })
  .refine((day) => Date.parse(day) + DAY_MS <= Date.now(), {
    error: 'expected a UTC day that is over',
    abort: true,
  })
  .refine(
    (day) => isWithin(day, REPORT_DAYS) && day >= REPORT_BEGINS,
    `expected a day of the last ${REPORT_DAYS}, not before ${REPORT_BEGINS}`,
  )
  .openapi({ example: '2026-11-23' });

export const newRun = z
  .strictObject({
    kind: z.enum(RECONCILIATION_KINDS).optional().openapi({ description: 'Both where absent.' }),
    day: finishedDay.optional().openapi({
      description: `Where absent: the days that are due (upstream), the last ${WALLET_DAYS} days (wallets).`,
    }),
  })
  .refine(({ kind, day }) => kind !== 'wallets' || day === undefined || isWithinWallets(day), {
    path: ['day'],
    error: `expected one of the last ${WALLET_DAYS} days: a wallet keeps its totals no longer`,
  })
  .openapi('NewReconciliationRun');

const usd = z.string().openapi({ description: 'US dollars, exactly.', example: '85.20' });
const textOrNull = z.string().nullable();

export const reconciliationView = z
  .object({
    id: z.string(),
    kind: z.enum(RECONCILIATION_KINDS),
    level: z.enum(['summary', 'detail']),
    result: z.enum(RECONCILIATION_RESULTS),
    recorded_at: z.string(),
    window_start: z.string(),
    window_end: z.string(),
    cost_center: textOrNull,
    developer: textOrNull,
    api_key_id: textOrNull.openapi({ description: '`all` where no key of Bursar’s own is configured.' }),
    model: textOrNull,
    ledger_usd: usd,
    counterpart_usd: usd.openapi({ description: 'What Anthropic or the wallet says.' }),
    difference_usd: usd.openapi({ description: 'Above 0: the ledger lacks money.' }),
    evidence: z.unknown(),
  })
  .openapi('Reconciliation');

export const runView = z
  .object({
    data: z.array(reconciliationView),
    pending: z
      .array(z.object({ kind: z.enum(RECONCILIATION_KINDS), day: z.string(), why: z.string() }))
      .openapi({ description: 'What could not be compared yet.' }),
  })
  .openapi('ReconciliationRun');
