/** TypeScript sources as text: where they are, what they import, and their code apart from words about it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Source {
  /** From the project's root, with forward slashes: "worker/turn/run.ts". */
  path: string;
  text: string;
}

export interface Import {
  /** A path from the project's root where it is relative, else the package as written. */
  from: string;
  /** Nothing of it is left at run time. */
  isType: boolean;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Every `.ts` file under these folders of the project. */
export function sourcesUnder(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({
        path: relative(ROOT, file).split(sep).join('/'),
        text: readFileSync(file, 'utf8'),
      })),
  );
}

const NAMES = String.raw`\*(?:\s+as\s+\w+)?|\{[^}]*\}|\w+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+\w+))?`;
const STATEMENT = new RegExp(String.raw`^(?:import|export)\s+(type\s+)?(${NAMES})\s+from\s+'([^']+)'`, 'gm');
const BARE = /^import\s+'([^']+)'/gm;
/** At run time (`await import(…)`) or as a type (`import('…').Name`): both bind the file to the other. */
const CALL = /\bimport\(\s*['"`]([^'"`]+)['"`]\s*\)/g;

/** What a file imports or exports from elsewhere. Relies on the formatter: statements begin their line. */
export function importsOf({ path, text }: Source): Import[] {
  const resolve = (from = ''): string =>
    from.startsWith('.') ? posix.join(posix.dirname(path), from) : from;
  return [
    ...Array.from(text.matchAll(STATEMENT), ([, type, names = '', from]) => ({
      from: resolve(from),
      isType: type !== undefined || areTypes(names),
    })),
    ...Array.from(text.matchAll(BARE), ([, from]) => ({ from: resolve(from), isType: false })),
    ...Array.from(text.matchAll(CALL), ([, from]) => ({ from: resolve(from), isType: false })),
  ];
}

/** `{ type A, type B }` leaves nothing at run time either. */
function areTypes(names: string): boolean {
  if (!names.startsWith('{')) return false;
  const each = names.slice(1, -1).split(',');
  return each.every((name) => name.trim() === '' || name.trim().startsWith('type '));
}

const COMMENT = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`;
const TEXT = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\x60(?:\\[\s\S]|[^\x60\\])*\x60`;
/** A slash divides after a value and opens a pattern elsewhere. */
const PATTERN = String.raw`(?<=(?:^|[(,=:[!&|?{};>]|\breturn)\s*)\/(?![*\/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*`;
const WORDS = new RegExp(`(?<comment>${COMMENT})|${TEXT}|${PATTERN}`, 'gm');

/** The code without comments, strings and patterns. */
export function codeOf({ text }: Source): string {
  return text.replaceAll(WORDS, (words) => (words.startsWith('/') ? ' ' : "''"));
}

/** The comments alone. */
export function commentsOf({ text }: Source): string {
  return Array.from(text.matchAll(WORDS), (match) => match.groups?.comment ?? '').join('\n');
}
