/** Who sells and bills a turn, by the provider that the ledger names. */
import type { ExportedEntry } from '../store/ledger-export.ts';

export interface Biller {
  provider: string;
  issuer: string;
  service: string;
  /** The credential of the organisation, as Bursar's configuration names it: accounts of their own have their own. */
  account: string;
}

const ANTHROPIC = { provider: 'Anthropic', issuer: 'Anthropic', service: 'Claude API' };
const BEDROCK = { provider: 'AWS', issuer: 'AWS', service: 'Amazon Bedrock' };

const BILLERS: Readonly<Record<string, Omit<Biller, 'account'>>> = {
  anthropic: ANTHROPIC,
  bedrock: BEDROCK,
  'bedrock-mantle': BEDROCK,
  vertex: { provider: 'Google Cloud', issuer: 'Google Cloud', service: 'Vertex AI' },
};

/** A turn whose answer was never heard was sent to Anthropic, unless its entry says otherwise. */
export function billerOf({ provider, upstream_credential }: ExportedEntry): Biller {
  const name = provider ?? 'anthropic';
  const biller = BILLERS[name] ?? { provider: name, issuer: name, service: name };
  return { ...biller, account: upstream_credential ?? name };
}
