/**
 * Edits JSON text in its own bytes: everything that no edit names stays byte for byte as the client wrote it,
 * number notation, escapes and white space included. The text has to be valid JSON (it was parsed before); the
 * scanner only finds where members begin and end, and gives up (null) rather than guess.
 */
import { applyEdits, type Edit, type JsonObject } from './json-edit.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A member or element, from its name (an element: its value) to the end of its value. */
interface Entry {
  name: string | number;
  start: number;
  valueStart: number;
  end: number;
}

/** Bytes that give way to others. */
interface Cut {
  from: number;
  to: number;
  text: string;
}

/**
 * The text with the edits made, or null where that can't be done for certain: something to edit is not found, or
 * a name is there twice (parsers differ in which one they take, and the other might be the one that counts).
 */
export function spliceJson(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array | null {
  const cuts = cutsAt(bytes, skipSpace(bytes, 0), edits, 0);
  return cuts && assemble(bytes, cuts);
}

/**
 * The object with `members` in the place of its member `name`, and without those that are `removed`; null where that
 * can't be done for certain, as above. Names that are not there need no removing.
 */
export function spliceMembers(
  bytes: Uint8Array,
  name: string,
  members: JsonObject,
  removed: readonly string[],
): Uint8Array | null {
  const entries = entriesAt(bytes, skipSpace(bytes, 0));
  if (!entries || !namesEach(entries, new Map([[name, null]]))) return null;
  const cuts: Cut[] = [];
  let kept = false;
  for (const [index, entry] of entries.entries()) {
    if (removed.includes(String(entry.name))) {
      cuts.push(removal(entries, index, kept));
      continue;
    }
    kept = true;
    if (entry.name !== name) continue;
    cuts.push({ from: entry.start, to: entry.end, text: JSON.stringify(members).slice(1, -1) });
  }
  return assemble(bytes, cuts);
}

/**
 * The text with the edits made: in its own bytes where that can be done for certain, else written anew from what
 * `parse` reads in it. The very bytes where there is nothing to edit.
 */
export function editJson(bytes: Uint8Array, edits: readonly Edit[], parse: () => unknown): Uint8Array {
  if (edits.length === 0) return bytes;
  return spliceJson(bytes, edits) ?? encoder.encode(JSON.stringify(applyEdits(parse(), edits)));
}

/** The cuts, in order, that make the edits in the object or array at `at`. */
function cutsAt(bytes: Uint8Array, at: number, edits: readonly Edit[], depth: number): Cut[] | null {
  const entries = entriesAt(bytes, at);
  const byName = Map.groupBy(edits, (edit) => edit.path[depth]);
  if (!entries || !namesEach(entries, byName)) return null;
  const cuts: Cut[] = [];
  let kept = false;
  for (const [index, entry] of entries.entries()) {
    const own = byName.get(entry.name);
    if (own && own[0]?.path.length === depth + 1 && own[0].value === undefined) {
      cuts.push(removal(entries, index, kept));
      continue;
    }
    kept = true;
    const inner = own ? changesIn(bytes, entry, own, depth + 1) : [];
    if (!inner) return null;
    cuts.push(...inner);
  }
  return cuts;
}

/** The cuts within a member that stays: a new value, or edits further down. */
function changesIn(bytes: Uint8Array, entry: Entry, edits: readonly Edit[], depth: number): Cut[] | null {
  const whole = edits.find((edit) => edit.path.length === depth);
  if (!whole) return cutsAt(bytes, entry.valueStart, edits, depth);
  return [{ from: entry.valueStart, to: entry.end, text: JSON.stringify(whole.value) }];
}

/** Takes an entry out with one comma: the one before it, or after it as long as nothing before it is kept. */
function removal(entries: readonly Entry[], index: number, kept: boolean): Cut {
  const entry = entries[index];
  if (!entry) throw new RangeError(`no entry ${index}`);
  const before = entries[index - 1];
  if (kept && before) return { from: before.end, to: entry.end, text: '' };
  return { from: entry.start, to: entries[index + 1]?.start ?? entry.end, text: '' };
}

/** Whether every name to edit is there, and every name there only once. */
function namesEach(entries: readonly Entry[], edited: ReadonlyMap<unknown, unknown>): boolean {
  const names = new Set<unknown>(entries.map((entry) => entry.name));
  return names.size === entries.length && [...edited.keys()].every((name) => names.has(name));
}

function assemble(bytes: Uint8Array, cuts: readonly Cut[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const cut of cuts) {
    parts.push(bytes.subarray(at, cut.from), encoder.encode(cut.text));
    at = cut.to;
  }
  parts.push(bytes.subarray(at));
  const spliced = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    spliced.set(part, offset);
    offset += part.length;
  }
  return spliced;
}

/** The entries of the object or array that begins at `at`; null where none does. */
function entriesAt(bytes: Uint8Array, at: number): Entry[] | null {
  const isObject = bytes[at] === OPEN_OBJECT;
  if (!isObject && bytes[at] !== OPEN_ARRAY) return null;
  const close = isObject ? CLOSE_OBJECT : CLOSE_ARRAY;
  const entries: Entry[] = [];
  let position = skipSpace(bytes, at + 1);
  while (bytes[position] !== close) {
    if (position >= bytes.length) return null;
    const entry = isObject ? memberAt(bytes, position) : elementAt(bytes, position, entries.length);
    if (entry.end === entry.valueStart) return null;
    entries.push(entry);
    position = skipSpace(bytes, entry.end);
    if (bytes[position] === COMMA) position = skipSpace(bytes, position + 1);
  }
  return entries;
}

function memberAt(bytes: Uint8Array, start: number): Entry {
  const nameEnd = skipString(bytes, start);
  const colon = skipSpace(bytes, nameEnd);
  const valueStart = skipSpace(bytes, colon + 1);
  const name = String(JSON.parse(decoder.decode(bytes.subarray(start, nameEnd))));
  return { name, start, valueStart, end: skipValue(bytes, valueStart) };
}

function elementAt(bytes: Uint8Array, start: number, index: number): Entry {
  return { name: index, start, valueStart: start, end: skipValue(bytes, start) };
}

function skipSpace(bytes: Uint8Array, at: number): number {
  let position = at;
  while (
    bytes[position] === 0x20 ||
    bytes[position] === 0x0a ||
    bytes[position] === 0x0d ||
    bytes[position] === 0x09
  ) {
    position += 1;
  }
  return position;
}

/** How far a string's end is looked for byte by byte; further on the platform's own search is many times faster. */
const NEAR_BYTES = 32;

/** The position after the string that begins at `at`; the byte after a backslash never ends it. */
function skipString(bytes: Uint8Array, at: number): number {
  let position = at + 1;
  while (position < bytes.length) {
    const near = Math.min(position + NEAR_BYTES, bytes.length);
    while (position < near && bytes[position] !== QUOTE) position += bytes[position] === BACKSLASH ? 2 : 1;
    if (position < near) return position + 1;
    const quote = bytes.indexOf(QUOTE, position);
    if (quote === -1) break;
    if (!isEscaped(bytes, quote, position)) return quote + 1;
    position = quote + 1;
  }
  return bytes.length;
}

/** Whether the byte at `at` stands behind a backslash that stands for nothing else; `from` begins no escape's second half. */
function isEscaped(bytes: Uint8Array, at: number, from: number): boolean {
  let start = at;
  while (start > from && bytes[start - 1] === BACKSLASH) start -= 1;
  return (at - start) % 2 === 1;
}

/** The position after the value that begins at `at`. */
function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return skipNested(bytes, at);
  let position = at;
  while (position < bytes.length && !endsScalar(bytes[position])) position += 1;
  return position;
}

function endsScalar(byte: number | undefined): boolean {
  return (
    byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte === undefined || byte <= 0x20
  );
}

/** The position after the object or array that begins at `at`, however deep. */
function skipNested(bytes: Uint8Array, at: number): number {
  let depth = 0;
  let position = at;
  while (position < bytes.length) {
    const byte = bytes[position];
    if (byte === QUOTE) {
      position = skipString(bytes, position);
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
    position += 1;
    if (depth === 0) return position;
  }
  return position;
}
