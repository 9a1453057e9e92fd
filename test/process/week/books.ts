/**
 * The same money by every way finance can ask for it: the ledger's pages, each export, the report views, the
 * metrics and the wallets. Sums are BigInt nano-USD, read from the exact decimals of the answers.
 */
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { z } from 'zod';
import { type AdminApi, expectReply } from '../../../scripts/local/admin-api.ts';

const DAY_MS = 86_400_000;
const NANO_DIGITS = 9;

/** An entry as the ledger's export has it. */
export interface BookedEntry {
  entryId: string;
  turnId: string;
  kind: string;
  costCenter: string;
  developer: string;
  admittedAt: string;
  chargedNanoUsd: bigint;
  listNanoUsd: bigint;
  estimated: boolean;
  upstreamRequestId: string;
  /** input, cache writes of 5 minutes and of an hour, cache reads, output */
  tokens: readonly [number, number, number, number, number];
}

/** "12.3" as nano-USD. Throws where it has more than nine digits after the point. */
export function nanoOf(usd: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(usd) ?? [];
  if (whole === undefined) throw new Error(`no exact amount of nano-USD: ${usd}`);
  const amount = BigInt(whole + fraction.padEnd(NANO_DIGITS, '0'));
  return sign === '-' ? -amount : amount;
}

export function sumOf(amounts: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

export class Books {
  readonly #url: string;
  readonly #api: AdminApi;
  readonly #token: string;
  /** Whole days, so that all exports cover the same. */
  readonly #span: string;

  constructor(url: string, api: AdminApi, token: string) {
    this.#url = url;
    this.#api = api;
    this.#token = token;
    const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    this.#span = `from=${day(midnight - 2 * DAY_MS)}&to=${day(midnight + DAY_MS)}`;
  }

  async #get(path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const response = await fetch(new URL(path, this.#url), { headers });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  async *#rows(file: string): AsyncGenerator<Record<string, string>> {
    const { body } = await this.#get(`/admin/v1/exports/${file}?${this.#span}`);
    if (!body) throw new Error(`${file} has no body`);
    yield* Readable.from(chunksOf(body)).pipe(parse({ columns: true }));
  }

  async ledgerCsv(): Promise<BookedEntry[]> {
    const entries: BookedEntry[] = [];
    for await (const row of this.#rows('ledger.csv')) entries.push(entryOf(row));
    return entries;
  }

  /** Money of the ledger as the API lists it. */
  async ledgerPages(): Promise<{ entries: number; chargedNanoUsd: bigint }> {
    let entries = 0;
    let chargedNanoUsd = 0n;
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const reply = await this.#api.get(`/ledger?limit=1000${query}`);
      const page: z.infer<typeof ledgerPage> = expectReply(reply, 200, ledgerPage);
      entries += page.data.length;
      chargedNanoUsd += sumOf(page.data.map((entry) => nanoOf(entry.charged_usd)));
      cursor = page.next_cursor;
    } while (cursor !== null);
    return { entries, chargedNanoUsd };
  }

  /** Of the FOCUS file: what is billed, and nothing but usage and corrections. */
  async focusCsv(): Promise<{ billedNanoUsd: bigint }> {
    let billedNanoUsd = 0n;
    for await (const row of this.#rows('focus.csv')) billedNanoUsd += nanoOf(row.BilledCost ?? '');
    return { billedNanoUsd };
  }

  async dailyCsv(): Promise<{ chargedNanoUsd: bigint; listNanoUsd: bigint }> {
    const sums = { chargedNanoUsd: 0n, listNanoUsd: 0n };
    for await (const row of this.#rows('daily.csv')) {
      sums.chargedNanoUsd += BigInt(row.charged_nano_usd ?? '');
      sums.listNanoUsd += BigInt(row.list_nano_usd ?? '');
    }
    return sums;
  }

  /** A figure of `GET /metrics`, summed over its labels; money in nano-USD, counts as they are. */
  async metric(name: string): Promise<bigint> {
    const text = await (await this.#get('/metrics')).text();
    const samples = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
    const values = Array.from(samples, ([, value = '']) => value);
    return sumOf(values.map((value) => (name.endsWith('usd_total') ? nanoOf(value) : BigInt(value))));
  }

  /** Budgets of a cost center, one a subject, as its wallet has them now. */
  async wallet(costCenter: string): Promise<WalletBudget[]> {
    const reply = await this.#api.get(`/cost_centers/${costCenter}/wallet`);
    const { budgets } = expectReply(reply, 200, z.object({ budgets: z.array(walletBudget) }));
    return budgets.map(({ id, subject, window_start, settled_usd, held_usd }) => ({
      id,
      subject,
      windowStart: window_start,
      settledNanoUsd: nanoOf(settled_usd),
      heldNanoUsd: nanoOf(held_usd),
    }));
  }
}

export interface WalletBudget {
  id: string;
  subject: string;
  windowStart: string;
  settledNanoUsd: bigint;
  heldNanoUsd: bigint;
}

const ledgerPage = z.object({
  data: z.array(z.looseObject({ charged_usd: z.string() })),
  next_cursor: z.string().nullable(),
});
const walletBudget = z.looseObject({
  id: z.string(),
  subject: z.string(),
  window_start: z.string(),
  settled_usd: z.string(),
  held_usd: z.string(),
});

function entryOf(row: Record<string, string>): BookedEntry {
  const column = (name: string): string => {
    const value = row[name];
    if (value === undefined) throw new Error(`the ledger's export has no ${name}`);
    return value;
  };
  const count = (name: string): number => Number(column(name));
  return {
    entryId: column('entry_id'),
    turnId: column('turn_id'),
    kind: column('kind'),
    costCenter: column('cost_center'),
    developer: column('developer'),
    admittedAt: column('admitted_at'),
    chargedNanoUsd: BigInt(column('charged_nano_usd')),
    listNanoUsd: BigInt(column('list_nano_usd')),
    estimated: column('estimated') === 'true',
    upstreamRequestId: column('upstream_request_id'),
    tokens: [
      count('input_tokens'),
      count('cache_write_5m_tokens'),
      count('cache_write_1h_tokens'),
      count('cache_read_tokens'),
      count('output_tokens'),
    ],
  };
}
