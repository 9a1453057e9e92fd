/**
 * Mail through Cloudflare's `send_email` binding
 * (https://developers.cloudflare.com/email-service/api/send-emails/workers-api/). It knows no idempotency key: a mail
 * whose sending was cut off may come twice; the header X-Bursar-Message-Id is the same in both.
 */
import type { AlertSettings } from '../../core/alerting/settings.ts';
import { withinTime } from '../../ledger/deadline.ts';
import { type Message, toText } from '../message.ts';
import { delivered, final, later, type Outcome } from './outcome.ts';
import { quoted } from './request.ts';

/** Codes of errors after which the same mail may be taken; other codes are final. */
const PASSING = [
  'E_RATE_LIMIT_EXCEEDED',
  'E_DAILY_LIMIT_EXCEEDED',
  'E_INTERNAL_SERVER_ERROR',
  'E_DELIVERY_FAILED',
];

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (each) => ENTITIES[each] ?? each);
}

/** A page that reads well on a phone and needs no image, style sheet or script. */
export function toHtml({ title, note, facts, sections, links }: Message): string {
  const rows = facts
    .map(
      ({ name, value }) =>
        `<tr><td style="padding:2px 12px 2px 0;color:#666;vertical-align:top">${escapeHtml(name)}</td><td style="padding:2px 0">${escapeHtml(value)}</td></tr>`,
    )
    .join('');
  const lists = sections
    .map(({ heading, lines }) => {
      const items = lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('');
      return `<h2 style="font-size:16px;margin:16px 0 4px">${escapeHtml(heading)}</h2><ul style="margin:0;padding-left:20px">${items}</ul>`;
    })
    .join('');
  const buttons = links
    .map(
      ({ label, url }) =>
        `<p style="margin:12px 0"><a href="${escapeHtml(url)}" style="display:inline-block;padding:10px 16px;background:#1a56db;color:#fff;border-radius:6px;text-decoration:none">${escapeHtml(label)}</a></p>`,
    )
    .join('');
  const why = note === null ? '' : `<p style="color:#666">${escapeHtml(note)}</p>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title></head><body style="font-family:system-ui,sans-serif;font-size:15px;max-width:600px;margin:16px"><h1 style="font-size:20px">${escapeHtml(title)}</h1>${why}<table style="border-collapse:collapse">${rows}</table>${lists}${buttons}</body></html>`;
}

export async function sendMail(
  to: string,
  message: Message,
  settings: AlertSettings,
  mail: SendEmail | null,
): Promise<Outcome> {
  const { mailFrom } = settings;
  if (mail === null) return final(null, 'not sent: there is no send_email binding EMAIL');
  if (mailFrom === null) return final(null, 'not sent: ALERTS_FROM is not set');
  try {
    // The binding takes no signal: a call that is given up may still send.
    const { messageId } = await withinTime(
      mail.send({
        to,
        from: { name: 'Bursar', email: mailFrom },
        subject: message.title,
        text: toText(message),
        html: toHtml(message),
        headers: { 'X-Bursar-Message-Id': message.id },
      }),
      settings.timeoutMs,
    );
    return delivered(null, `taken as ${messageId}`);
  } catch (error) {
    return judgeError(error);
  }
}

function judgeError(error: unknown): Outcome {
  const text = quoted(error instanceof Error ? error.message : String(error), []);
  const code =
    error instanceof Error && 'code' in error ? String(error.code) : (/\bE_[A-Z_]+/.exec(text)?.[0] ?? null);
  const problem = code === null || text.includes(code) ? text : `${code}: ${text}`;
  return code === null || PASSING.includes(code) ? later(null, problem) : final(null, problem);
}
