/** `/storage`: how full D1 is, when it will be, and what to switch on. */
import { createRoute, z } from '@hono/zod-openapi';
import { measureFilling } from '../../finance/filling.ts';
import { adminRouter } from './context.ts';
import { answer, ERRORS } from './contract.ts';

const count = z.number().int();

const storageView = z
  .object({
    database: z.object({
      bytes: count,
      max_bytes: count,
      full: z.number().openapi({ description: 'A fraction.', example: 0.42 }),
    }),
    rows: z.object({
      ledger_entries: count,
      daily_rollups: count,
      alert_events: count,
      audit_events: count,
    }),
    oldest_day: z.string().nullable().openapi({ description: 'The first day (UTC) with entries in D1.' }),
    pace: z.object({
      entries_per_day: z.number().openapi({ description: 'The average of the last week’s days.' }),
      bytes_per_entry: count,
      measured_days: count,
    }),
    days_until_full: count.nullable().openapi({
      description: 'At this pace; null where it does not fill: nothing comes, or the archive takes as much.',
    }),
    archive: z.object({
      enabled: z.boolean(),
      hot_days: count.nullable(),
      entries: count,
      compressed_bytes: count,
    }),
    advice: z.string(),
  })
  .openapi('Storage');

export const storage = adminRouter();

storage.openapi(
  createRoute({
    method: 'get',
    path: '/storage',
    responses: { ...ERRORS, 200: answer(storageView, 'As it is now.') },
  }),
  async (c) => {
    const { db, archive } = c.get('bindings');
    const filling = await measureFilling(db, archive?.hotDays ?? null, Date.now());
    const view: z.infer<typeof storageView> = {
      database: { bytes: filling.bytes, max_bytes: filling.maxBytes, full: filling.full },
      rows: {
        ledger_entries: filling.ledgerEntries,
        daily_rollups: filling.rollupRows,
        alert_events: filling.alertEvents,
        audit_events: filling.auditEvents,
      },
      oldest_day: filling.oldestDay,
      pace: {
        entries_per_day: filling.entriesADay,
        bytes_per_entry: filling.bytesAnEntry,
        measured_days: filling.paceDays,
      },
      days_until_full: filling.daysUntilFull,
      archive: {
        enabled: archive !== null,
        hot_days: archive?.hotDays ?? null,
        entries: filling.archivedEntries,
        compressed_bytes: filling.archivedBytes,
      },
      advice: filling.advice,
    };
    return c.json(view, 200);
  },
);
