/** How far the day's comparison of wallets has come, as kept between runs. */
import { z } from 'zod';

const schema = z.object({
  /** The last cost center that was taken; null: none. */
  after: z.string().nullable(),
  done: z.boolean(),
  compared: z.int(),
  differing: z.int(),
  skippedCount: z.int(),
  skipped: z.array(z.string()),
  /** Sums over the compared cost centers, as text. */
  ledgerNanoUsd: z.string().regex(/^-?\d+$/),
  walletNanoUsd: z.string().regex(/^-?\d+$/),
});

export type Progress = z.output<typeof schema>;

export const NO_PROGRESS: Progress = {
  after: null,
  done: false,
  compared: 0,
  differing: 0,
  skippedCount: 0,
  skipped: [],
  ledgerNanoUsd: '0',
  walletNanoUsd: '0',
};

/** What was kept, if it is of this day ("2026-11-23"); else, or where it cannot be read, nothing is done yet. */
export function parseProgress(document: unknown, day: string): Progress {
  const parsed = schema.extend({ day: z.literal(day) }).safeParse(document);
  return parsed.success ? parsed.data : NO_PROGRESS;
}
