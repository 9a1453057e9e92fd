/**
 * What an alert says, made once and written in each destination's own form. Texts are plain: names in them are the
 * client's word, and every destination's writer escapes them or writes them where nothing is markup.
 */
import type { Severity } from '../core/alerting/routes.ts';
import type { AlertEvent } from '../ledger/entry.ts';

export interface MessageLink {
  label: string;
  url: string;
}

export interface MessageSection {
  heading: string;
  lines: string[];
}

export interface Message {
  /** The same in every try, and for every destination: their idempotency key. */
  id: string;
  severity: Severity;
  /** The events it tells of, the first one first; more than one in a digest, none in a test. */
  events: readonly AlertEvent[];
  costCenter: string;
  /** At most 120 characters, on one line. */
  title: string;
  facts: { name: string; value: string }[];
  sections: MessageSection[];
  links: MessageLink[];
  /** Why it is here: a fallback's reason, a test's mark; null otherwise. */
  note: string | null;
  isTest: boolean;
  isFallback: boolean;
}

const TITLE_CHARACTERS = 120;

/** On one line, without control characters and marks that turn the direction of text, at most so long. */
export function plain(text: string, characters: number): string {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > characters ? `${[...line].slice(0, characters - 1).join('')}…` : line;
}

export function toTitle(text: string): string {
  return plain(text, TITLE_CHARACTERS);
}

/** The whole message as plain text, a line each, links at the end. */
export function toText({ title, note, facts, sections, links }: Message): string {
  const parts = [
    [title, ...(note === null ? [] : [note])],
    facts.map(({ name, value }) => `${name}: ${value}`),
    ...sections.map(({ heading, lines }) => [`${heading}:`, ...lines.map((line) => `- ${line}`)]),
    links.map(({ label, url }) => `${label}: ${url}`),
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}
