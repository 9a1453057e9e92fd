/**
 * The small pages behind links: one heading, a few sentences, at most one form. Made here, readable on a phone, without
 * a script; nothing on them may be framed, kept, or told to where one goes next.
 */
import { html } from 'hono/html';

/** Text that `html` has made: everything put into it was escaped. */
export type Markup = ReturnType<typeof html>;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
};

const STYLE = html`<style>
  :root { color-scheme: light dark; }
  body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 0 auto; padding: 1.5rem 1rem; }
  h1 { font-size: 1.375rem; line-height: 1.25; }
  dt { opacity: 0.7; } dd { margin: 0 0 0.5rem; overflow-wrap: anywhere; }
  label { display: block; margin: 1rem 0 0.25rem; }
  input, textarea { box-sizing: border-box; width: 100%; font: inherit; padding: 0.625rem; }
  button { width: 100%; margin-top: 1rem; padding: 0.75rem; font: inherit; font-weight: 600; }
  .problem { border-left: 0.25rem solid #c0392b; padding-left: 0.75rem; }
</style>`;

export interface PageOptions {
  status: 200 | 201 | 400 | 409 | 410 | 503;
  requestId: string;
}

/** A page with this heading. */
export async function linkPage(
  heading: string,
  body: Markup,
  { status, requestId }: PageOptions,
): Promise<Response> {
  const document = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${heading} · Bursar</title>
${STYLE}
</head>
<body>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`;
  return new Response(document.toString(), { status, headers: { ...HEADERS, 'request-id': requestId } });
}

/** Facts as names and values; a null value is left out. */
export function facts(values: readonly (readonly [string, string | null])[]): Markup {
  const shown = values.filter(([, value]) => value !== null);
  return html`<dl>${shown.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** What is wrong with a form, above it. */
export function problemNote(message: string | null): Markup {
  return message === null ? html`` : html`<p class="problem" role="alert">${message}</p>`;
}

/** A form that posts to the page's own address. */
export function form(fields: Markup, button: string): Markup {
  return html`<form method="post">${fields}<button type="submit">${button}</button></form>`;
}

export function amountField(name: string, label: string, value: string): Markup {
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" value="${value}" inputmode="decimal" autocomplete="off" required>`;
}
