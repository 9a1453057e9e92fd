/**
 * Teams' Workflows ("When a Teams webhook request is received"): an Adaptive Card. The address is the credential. They
 * know no idempotency key; a repeat shows twice. What is the client's word stands in text runs, where nothing is
 * Markdown.
 */
import type { AlertSettings } from '../../core/alerting/settings.ts';
import type { Message } from '../message.ts';
import type { Outcome } from './outcome.ts';
import { ask, isOutcome, judge } from './request.ts';

/** Teams refuses messages over about 28 KB. */
const MAX_LINES = 60;
const COLOR = { info: 'Accent', warning: 'Warning', error: 'Attention', critical: 'Attention' } as const;

interface Run {
  type: 'TextRun';
  text: string;
  weight?: 'Bolder';
  size?: 'Large';
  color?: string;
  isSubtle?: true;
}

function richText(...inlines: Run[]): object {
  return { type: 'RichTextBlock', inlines };
}

function run(text: string): Run {
  return { type: 'TextRun', text };
}

function bold(text: string): Run {
  return { type: 'TextRun', text, weight: 'Bolder' };
}

/** The message as an Adaptive Card 1.4. */
function toCard({ title, severity, note, facts, sections, links }: Message): object {
  const lines = sections.flatMap(({ heading, lines: each }) => [
    richText(bold(heading)),
    ...each.map((line) => richText(run(`• ${line}`))),
  ]);
  return {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    msteams: { width: 'Full' },
    body: [
      richText({ ...bold(title), size: 'Large', color: COLOR[severity] }),
      ...(note === null ? [] : [richText({ ...run(note), isSubtle: true })]),
      ...facts.map(({ name, value }) => richText(bold(`${name}: `), run(value))),
      ...lines.slice(0, MAX_LINES),
    ],
    actions: links.map(({ label, url }) => ({ type: 'Action.OpenUrl', title: label, url })),
  };
}

export async function sendToTeams(url: string, message: Message, settings: AlertSettings): Promise<Outcome> {
  const attachment = {
    contentType: 'application/vnd.microsoft.card.adaptive',
    contentUrl: null,
    content: toCard(message),
  };
  const answer = await ask(
    {
      url,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'message', attachments: [attachment] }),
    },
    settings,
  );
  return isOutcome(answer) ? answer : judge(answer, [url]);
}
