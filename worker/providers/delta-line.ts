/**
 * Measures one `content_block_delta` by its bytes. Such lines come by the thousand, so the JSON is not parsed:
 * the kind of delta is read at the place where the API writes it, and the rest is the line's length.
 */

import { holdsAt } from './byte-buffer.ts';

/** What is measured: how many characters of output a line carries, about. Escapes and UTF-8 count as bytes. */
export function measureDelta(data: Uint8Array | null, length: number): number {
  const words = WORDS_BYTES[data ? kindOf(data) : 'text'];
  // Signatures and citations are bytes about the output, not output.
  return words === undefined ? 0 : Math.max(0, length - ENVELOPE_BYTES - words);
}

/** `{"type":"content_block_delta","index":0,"delta":{"type":"_delta","":""}}`: what a line holds besides. */
const ENVELOPE_BYTES = 72;

/** The delta's kind and the key of its content, as they stand in that envelope. */
const WORDS_BYTES: Partial<Record<string, number>> = {
  text: 'text'.length + 'text'.length,
  thinking: 'thinking'.length + 'thinking'.length,
  input_json: 'input_json'.length + 'partial_json'.length,
};

const encoder = new TextEncoder();
const BEFORE_INDEX = encoder.encode('{"type":"content_block_delta","index":');
const BEFORE_KIND = encoder.encode(',"delta":{"type":"');
/** By the second letter, in which the kinds differ. */
const KIND_BY_LETTER: Partial<Record<number, string>> = {
  [letter('e')]: 'text',
  [letter('h')]: 'thinking',
  [letter('n')]: 'input_json',
};

function kindOf(data: Uint8Array): string {
  if (!holdsAt(data, 0, BEFORE_INDEX)) return searchKind(data);
  let at = BEFORE_INDEX.length;
  while (isDigit(data[at])) at += 1;
  if (!holdsAt(data, at, BEFORE_KIND)) return searchKind(data);
  return KIND_BY_LETTER[data[at + BEFORE_KIND.length + 1] ?? 0] ?? 'other';
}

/** Where the kind stands at the latest, when an upstream writes its keys in another order. */
const SEARCHED_BYTES = 200;
const KIND = /"type":\s*"(text|thinking|input_json|signature|citations)_delta"/;
const decoder = new TextDecoder();

/** The kind wherever it is; text where it is nowhere near either end, the most frequent one. */
function searchKind(data: Uint8Array): string {
  const [head, tail] = [data.subarray(0, SEARCHED_BYTES), data.subarray(-SEARCHED_BYTES)];
  return (KIND.exec(decoder.decode(head)) ?? KIND.exec(decoder.decode(tail)))?.[1] ?? 'text';
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

function letter(text: string): number {
  return text.charCodeAt(0);
}
