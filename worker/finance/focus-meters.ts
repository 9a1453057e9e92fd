/** What a turn is billed by, in the words of FOCUS: one meter a kind of token, and web searches. */
import type { TokenPrices } from '../../durable-objects/core/catalogue/types.ts';
import type { ExportedEntry } from '../store/ledger-export.ts';

export interface Meter {
  /** In SkuId. */
  id: string;
  skuMeter: string;
  consumedUnit: string;
  pricingUnit: string;
  /** Items in one pricing unit; a power of ten, at most a million. */
  itemsAUnit: bigint;
  /** Decimals of a quantity in pricing units. */
  decimals: number;
}

export interface TokenMeter extends Meter {
  column: keyof ExportedEntry &
    (
      | 'input_tokens'
      | 'cache_write_5m_tokens'
      | 'cache_write_1h_tokens'
      | 'cache_read_tokens'
      | 'output_tokens'
    );
  price: keyof TokenPrices;
  /** In SkuPriceDetails. */
  tokenType: string;
}

const TOKENS = {
  consumedUnit: 'Tokens',
  pricingUnit: '1000000 Tokens',
  itemsAUnit: 1_000_000n,
  decimals: 6,
} as const;

export const TOKEN_METERS: readonly TokenMeter[] = [
  {
    ...TOKENS,
    id: 'input',
    skuMeter: 'Input Tokens',
    tokenType: 'Input',
    column: 'input_tokens',
    price: 'input',
  },
  {
    ...TOKENS,
    id: 'cache-write-5m',
    skuMeter: 'Cache Write Input Tokens',
    tokenType: 'Cache Write 5m',
    column: 'cache_write_5m_tokens',
    price: 'cacheWrite5m',
  },
  {
    ...TOKENS,
    id: 'cache-write-1h',
    skuMeter: 'Cache Write Input Tokens',
    tokenType: 'Cache Write 1h',
    column: 'cache_write_1h_tokens',
    price: 'cacheWrite1h',
  },
  {
    ...TOKENS,
    id: 'cache-read',
    skuMeter: 'Cache Read Input Tokens',
    tokenType: 'Cache Read',
    column: 'cache_read_tokens',
    price: 'cacheRead',
  },
  {
    ...TOKENS,
    id: 'output',
    skuMeter: 'Output Tokens',
    tokenType: 'Output',
    column: 'output_tokens',
    price: 'output',
  },
];

export const WEB_SEARCH_METER: Meter = {
  id: 'web-search',
  skuMeter: 'Web Search Requests',
  consumedUnit: 'Requests',
  pricingUnit: '1000 Requests',
  itemsAUnit: 1_000n,
  decimals: 3,
};

/** Money that no token explains, such as a correction of the price alone: billed by the turn. */
export const TURN_METER: Meter = {
  id: 'turn',
  skuMeter: 'Turns',
  consumedUnit: 'Requests',
  pricingUnit: 'Requests',
  itemsAUnit: 1n,
  decimals: 0,
};
