/** The columns of the ledger's export: an entry a row, money in nano-USD and, exactly, in USD. */
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import type { ExportedEntry } from '../store/ledger-export.ts';
import type { Column } from './row-format.ts';

type Name = keyof ExportedEntry;

const text = (name: Name): Column<ExportedEntry> => ({ name, type: 'text', of: (entry) => entry[name] });
const number = (name: Name): Column<ExportedEntry> => ({ name, type: 'number', of: (entry) => entry[name] });
const json = (name: Name): Column<ExportedEntry> => ({ name, type: 'json', of: (entry) => entry[name] });
const flag = (name: Name): Column<ExportedEntry> => ({
  name,
  type: 'boolean',
  of: (entry) => entry[name] === 1,
});

function usd(name: string, of: (entry: ExportedEntry) => number): Column<ExportedEntry> {
  return { name, type: 'number', of: (entry) => formatUsd(nanoUsd(of(entry))) };
}

export const LEDGER_COLUMNS: readonly Column<ExportedEntry>[] = [
  text('entry_id'),
  text('turn_id'),
  number('attempt'),
  text('kind'),
  text('corrects'),
  text('admitted_at'),
  text('recorded_at'),
  text('cost_center'),
  text('cost_center_name'),
  text('developer'),
  text('key_id'),
  json('key_tags'),
  text('session'),
  text('agent'),
  text('turn_kind'),
  text('model_asked'),
  text('model_served'),
  flag('model_unknown'),
  text('provider'),
  text('provider_instance'),
  number('price_millionths'),
  text('billed_to'),
  text('upstream_credential'),
  text('decision'),
  text('stage'),
  text('route'),
  json('reasons'),
  number('policy_version'),
  number('input_tokens'),
  number('cache_write_5m_tokens'),
  number('cache_write_1h_tokens'),
  number('cache_read_tokens'),
  number('output_tokens'),
  number('web_search_requests'),
  text('service_tier'),
  text('speed'),
  text('inference_geo'),
  number('held_nano_usd'),
  number('expected_nano_usd'),
  number('asked_nano_usd'),
  number('list_nano_usd'),
  usd('list_usd', (entry) => entry.list_nano_usd),
  number('charged_nano_usd'),
  usd('charged_usd', (entry) => entry.charged_nano_usd),
  text('list_price_version'),
  text('charged_price_version'),
  flag('estimated'),
  text('estimated_why'),
  number('http_status'),
  text('error_type'),
  text('stop_reason'),
  text('upstream_request_id'),
];
