/**
 * HTML for the pages, with everything in it escaped but what this tag made. The pages have no script, and their
 * policy lets none run: whatever a name or a reason holds, it is text.
 */

/** Markup; only `html` makes it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Part = Html | string | number | null | readonly Part[];

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function toMarkup(part: Part): string {
  if (part === null) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'string' || typeof part === 'number') {
    return String(part).replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
  }
  return part.map(toMarkup).join('');
}

/** A template whose parts are escaped; null is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((made, text, index) => made + toMarkup(parts[index - 1] ?? null) + text));
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 44rem; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
section.card { border: 1px solid #8886; border-radius: .5rem; margin: .75rem 0; padding: .75rem 1rem; overflow-wrap: anywhere; }
section.card h3 { font-size: 1rem; margin: 0; } p { margin: .35rem 0; }
meter { display: block; height: 1.1rem; width: 100%; }
.note { border-left: .3rem solid #c60; padding-left: .75rem; } .quiet { opacity: .75; }
pre { background: #8882; border-radius: .4rem; overflow-x: auto; padding: .75rem; }
button { border: 1px solid #8886; border-radius: .4rem; font: inherit; padding: .6rem 1.2rem; }
`;

/** A whole page. It is nobody's to keep, to frame or to learn the address of. */
export function page(
  title: string,
  content: Html,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): Response {
  const nonce = crypto.randomUUID();
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style nonce="${nonce}">${new Html(STYLE)}</style>
</head>
<body>
${content}
</body>
</html>
`;
  return new Response(text.markup, {
    status,
    headers: {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  });
}
