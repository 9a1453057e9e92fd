/**
 * The page `/me` and how it is opened. `POST /v1/me/link` gives the holder of a key a link; the page behind it asks
 * for one click, so that whatever looks at the link beforehand (a chat's preview, a scanner) uses nothing up; the
 * click exchanges the code for a cookie and leads to `/me`, whose address holds nothing.
 */
import type { Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import type { AppEnv } from '../app-env.ts';
import { errorResponse } from '../envelope.ts';
import { authenticate } from '../turn/authenticate.ts';
import { callerOfKey } from '../turn/caller.ts';
import { edgeOf, walletOfKey } from '../turn/edge.ts';
import { html, page } from './html.ts';
import { issueCredential, readCredential, SESSION_SECONDS } from './me-credentials.ts';
import { mePage } from './me-page.ts';
import { publicUrlOf } from './public-url.ts';

const MAX_FORM_BYTES = 4_096;
/** Longer than any code is. */
const MAX_CODE_LENGTH = 1_024;

/** Only this host's, and only over TLS, where there is TLS: a gateway on one's own machine has none. */
function cookieOf(context: Context<AppEnv>): { name: string; secure: boolean } {
  const secure = publicUrlOf(context).startsWith('https:');
  return { name: secure ? '__Host-bursar-me' : 'bursar-me', secure };
}

async function giveLink(context: Context<AppEnv>): Promise<Response> {
  const edge = edgeOf(context);
  const { requestId, bindings } = edge;
  const key = await authenticate(context.req.raw, edge);
  if (key instanceof Response) return key;
  // A key that is revoked gets no link; nor is one made where nobody can say.
  const caller = await callerOfKey(key, edge, null);
  if (caller instanceof Response) return caller;
  const { text, expiresAtMs } = await issueCredential('me-link', key, bindings);
  const url = `${publicUrlOf(context)}/me/open?code=${text}`;
  const headers = { 'request-id': requestId, 'cache-control': 'no-store' };
  return context.json({ url, expires_at: new Date(expiresAtMs).toISOString() }, 201, headers);
}

function closedPage(status: number, message: string): Response {
  const content = html`<h1>Your budget</h1>
<p>${message}</p>
<p>A new link: <code>curl -X POST -H "Authorization: Bearer $ANTHROPIC_AUTH_TOKEN" $ANTHROPIC_BASE_URL/v1/me/link</code></p>`;
  return page('Your budget', content, { status });
}

const SPENT = 'This link was used, or is too old. Each works once, within five minutes.';

/** Shows what a click will do; changes nothing. */
async function openingPage(context: Context<AppEnv>): Promise<Response> {
  const code = context.req.query('code') ?? '';
  const credential =
    code.length <= MAX_CODE_LENGTH && (await readCredential('me-link', code, context.var.bindings));
  if (!credential) return closedPage(410, SPENT);
  const content = html`<h1>Your budget</h1>
<p>This opens the budget page of ${credential.key.costCenter} in this browser, for an hour.</p>
<form method="post" action="/me/open"><input type="hidden" name="code" value="${code}"><button>Open</button></form>`;
  return page('Your budget', content);
}

async function exchange(context: Context<AppEnv>): Promise<Response> {
  const edge = edgeOf(context);
  // Another site must not open somebody else's page in this browser.
  const from = context.req.header('sec-fetch-site') ?? 'same-origin';
  if (from !== 'same-origin') return closedPage(403, 'Open the link itself.');
  const { code } = await context.req.parseBody();
  const credential = typeof code === 'string' && (await readCredential('me-link', code, edge.bindings));
  if (!credential) return closedPage(410, SPENT);
  const { id, key, expiresAtMs } = credential;
  let isFirst: boolean;
  try {
    // Asked once: an answer that was lost would make the second one say that the code was used.
    isFirst = await walletOfKey(edge, key).redeem(id, expiresAtMs);
  } catch (error) {
    console.warn({ message: 'a link could not be used', error: String(error) });
    return closedPage(503, 'The wallet of this cost center cannot be reached right now; ask for a new link.');
  }
  if (!isFirst) return closedPage(410, SPENT);
  const { text } = await issueCredential('me-session', key, edge.bindings);
  const { name, secure } = cookieOf(context);
  setCookie(context, name, text, {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    secure,
    maxAge: SESSION_SECONDS,
  });
  context.header('cache-control', 'no-store');
  context.header('referrer-policy', 'no-referrer');
  return context.redirect('/me', 303);
}

async function showMe(context: Context<AppEnv>): Promise<Response> {
  const cookie = getCookie(context, cookieOf(context).name);
  const credential = cookie && (await readCredential('me-session', cookie, context.var.bindings));
  if (!credential) return closedPage(401, 'This page opens with a link that your key asks for.');
  const caller = await callerOfKey(credential.key, edgeOf(context), null);
  if (!(caller instanceof Response)) return mePage(caller);
  if (caller.status !== 401) {
    return closedPage(
      503,
      'The wallet of this cost center cannot be reached right now; load this page again.',
    );
  }
  return closedPage(401, 'The key that opened this page is no longer good.');
}

export function mountMePage(app: Hono<AppEnv>): void {
  const limit = bodyLimit({
    maxSize: MAX_FORM_BYTES,
    onError: (context) => {
      const message = `expected a body of at most ${MAX_FORM_BYTES} bytes`;
      return errorResponse('request_too_large', message, { requestId: context.get('requestId') });
    },
  });
  app.post('/v1/me/link', giveLink);
  app.get('/me/open', openingPage);
  app.post('/me/open', limit, exchange);
  app.get('/me', showMe);
}
