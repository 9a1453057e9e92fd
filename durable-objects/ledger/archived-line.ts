/**
 * An entry's line in the archive: the document an outbox would send, its JSON columns as D1 has them to the byte, so
 * that what comes back is what left. A line is read by its columns' own text, never parsed and written anew.
 */
import type { Renaming } from '../core/pseudonym.ts';
import { ENTRY_COLUMNS } from './append.ts';
import type { Entry, StoredEntry } from './entry.ts';

const COLUMNS = Object.entries(ENTRY_COLUMNS);

/** The line of a row's values, in the order of ENTRY_COLUMNS. */
export function lineOf(values: readonly unknown[]): string {
  const fields = COLUMNS.map(([name, form], index) => {
    const value = values[index];
    return `"${name}":${form === 'json' ? String(value) : JSON.stringify(value)}`;
  });
  return `{${fields.join(',')}}`;
}

/**
 * These columns of a line, as D1 has them. One that the line lacks, because it is older than the column, is what a
 * restore makes of it: null. Throws a SyntaxError where the line is no JSON object.
 */
export function columnsOf<Name extends keyof Entry>(
  line: string,
  names: readonly Name[],
): Pick<StoredEntry, Name> {
  const members = membersOf(line);
  const row: Partial<Record<Name, string | number | null>> = {};
  for (const name of names) {
    const text = members.get(name)?.text ?? 'null';
    row[name] = ENTRY_COLUMNS[name] === 'json' ? text : parseValue(text);
  }
  return row as Pick<StoredEntry, Name>;
}

/** JSON.parse for what is no array and no object; most texts have nothing to be unescaped. */
function parseValue(text: string): string | number | null {
  if (text === 'null') return null;
  const isPlain = text.charCodeAt(0) === QUOTE && !text.includes('\\');
  return isPlain ? text.slice(1, -1) : JSON.parse(text);
}

/** The same line with the pseudonym where pseudonymise.ts puts it in a row, and with nothing else changed. */
export function pseudonymisedLine(line: string, { developer, pseudonym }: Renaming): string {
  const [name, other] = [JSON.stringify(developer), JSON.stringify(pseudonym)];
  // Most lines are somebody else's, and need no closer look.
  if (!line.includes(`"developer":${name}`)) return line;
  const members = membersOf(line);
  if (members.get('developer')?.text !== name) return line;
  const subject = '"scope":"developer","subject":';
  const replaced = {
    developer: [name, other],
    key_tags: [`:${name}`, `:${other}`],
    standing: [subject + name, subject + other],
  };
  let text = '';
  let at = 0;
  for (const [column, member] of members) {
    const [from = '', to = ''] = replaced[column as keyof typeof replaced] ?? [];
    if (from === '') continue;
    text += line.slice(at, member.start) + member.text.replaceAll(from, () => to);
    at = member.start + member.text.length;
  }
  return text + line.slice(at);
}

interface Member {
  /** Where its value begins in the line. */
  start: number;
  text: string;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x7b, 0x7d];

const NO_ENTRY = 'expected the line of an archived entry';

/** The members of a JSON object without spaces around its marks, by name and in their order. */
function membersOf(line: string): Map<string, Member> {
  const members = new Map<string, Member>();
  if (line.length < 2 || line.charCodeAt(0) !== OPEN_BRACE) throw new SyntaxError(NO_ENTRY);
  for (let at = 1; at < line.length; ) {
    const colon = endOfString(line, at);
    const end = endOfValue(line, colon + 1);
    members.set(line.slice(at + 1, colon - 1), { start: colon + 1, text: line.slice(colon + 1, end) });
    at = end + 1;
  }
  return members;
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(line: string, start: number): number {
  if (line.charCodeAt(start) !== QUOTE) throw new SyntaxError(NO_ENTRY);
  for (let at = line.indexOf('"', start + 1); at > 0; at = line.indexOf('"', at + 1)) {
    let before = at - 1;
    while (line.charCodeAt(before) === BACKSLASH) before -= 1;
    // An even number of backslashes escapes only itself.
    if ((at - before) % 2 === 1) return at + 1;
  }
  throw new SyntaxError('an archived line ends within a string');
}

/** Where the value that begins at `start` is followed by the next member or the end of the object. */
function endOfValue(line: string, start: number): number {
  const code = line.charCodeAt(start);
  const end =
    code === QUOTE
      ? endOfString(line, start)
      : code === OPEN_BRACE || code === OPEN_BRACKET
        ? endOfNested(line, start)
        : endOfPlain(line, start);
  const next = line.charCodeAt(end);
  if (next === COMMA || next === CLOSE_BRACE) return end;
  throw new SyntaxError('an archived line ends within a value');
}

/** Behind a number, true, false or null. */
function endOfPlain(line: string, start: number): number {
  let at = start;
  while (at < line.length && line.charCodeAt(at) !== COMMA && line.charCodeAt(at) !== CLOSE_BRACE) at += 1;
  return at;
}

/** Behind the array or object that begins at `start`. */
function endOfNested(line: string, start: number): number {
  const marks = /["[\]{}]/g;
  let depth = 0;
  for (marks.lastIndex = start; marks.test(line); ) {
    const at = marks.lastIndex - 1;
    const code = line.charCodeAt(at);
    if (code === QUOTE) marks.lastIndex = endOfString(line, at);
    else depth += code === OPEN_BRACE || code === OPEN_BRACKET ? 1 : -1;
    if (depth === 0) return at + 1;
  }
  throw new SyntaxError('an archived line ends within a value');
}
