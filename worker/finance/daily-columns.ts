/** The columns of the daily export: those of the view `report_daily_spend`, USD exactly and as text. */
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import type { DailySpend } from '../store/daily-spend.ts';
import type { Column } from './row-format.ts';

type Name = keyof DailySpend;

const text = (name: Name): Column<DailySpend> => ({ name, type: 'text', of: (row) => row[name] });
const number = (name: Name): Column<DailySpend> => ({ name, type: 'number', of: (row) => row[name] });

export const DAILY_COLUMNS: readonly Column<DailySpend>[] = [
  text('day'),
  text('cost_center'),
  text('developer'),
  text('model'),
  text('turn_kind'),
  text('provider'),
  number('charges'),
  number('corrections'),
  number('refusals'),
  number('failures'),
  number('estimated_charges'),
  number('input_tokens'),
  number('cache_write_5m_tokens'),
  number('cache_write_1h_tokens'),
  number('cache_read_tokens'),
  number('output_tokens'),
  number('web_search_requests'),
  number('list_nano_usd'),
  number('charged_nano_usd'),
  { name: 'charged_usd', type: 'number', of: (row) => formatUsd(nanoUsd(row.charged_nano_usd)) },
];
