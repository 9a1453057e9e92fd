/**
 * A message as Slack's Block Kit. What is the client's word stands in plain_text objects, where nothing is markup;
 * only Bursar's own labels are in mrkdwn.
 */
import type { Message } from '../message.ts';
import { toText } from '../message.ts';

export interface SlackMessage {
  /** Shown in notifications, and where blocks cannot be. */
  text: string;
  blocks: object[];
}

const HEADER_CHARACTERS = 150;
const TEXT_CHARACTERS = 2_900;
const FALLBACK_CHARACTERS = 3_000;
const MARK = { info: 'ℹ️', warning: '⚠️', error: '🟠', critical: '🔴' } as const;

/** The three characters that Slack reads as control characters. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function cut(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters - 1)}…` : text;
}

function plainText(text: string, characters: number): object {
  return { type: 'plain_text', text: cut(text, characters), emoji: false };
}

function section(text: string): object {
  return { type: 'section', text: plainText(text, TEXT_CHARACTERS) };
}

export function toSlack(message: Message): SlackMessage {
  const { title, severity, note, facts, sections, links } = message;
  const titled = `${MARK[severity]} ${title}`;
  const linked = links.map(({ label, url }) => `<${url}|${escapeSlack(label)}>`);
  return {
    text: escapeSlack(cut(toText({ ...message, links: [] }), FALLBACK_CHARACTERS)),
    blocks: [
      { type: 'header', text: plainText(titled, HEADER_CHARACTERS) },
      ...(note === null ? [] : [{ type: 'context', elements: [plainText(note, TEXT_CHARACTERS)] }]),
      ...(facts.length === 0
        ? []
        : [section(facts.map(({ name, value }) => `${name}: ${value}`).join('\n'))]),
      ...sections.map(({ heading, lines }) =>
        section(`${heading}\n${lines.map((each) => `• ${each}`).join('\n')}`),
      ),
      // A link a section: the text of one has room for no more than a few of their length.
      ...linked.map((text) => ({ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } })),
    ],
  };
}
