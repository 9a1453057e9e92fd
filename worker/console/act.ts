/**
 * `/alerts/act/{signed}`: the links in alerts. Looking (GET, HEAD) changes nothing, so that what fetches links ahead
 * does no harm; posting does the one thing the link is for, once. The signed link is the credential: there is no cookie
 * that another site could ride on.
 */
import type { Context, Hono } from 'hono';
import { html } from 'hono/html';
import type { AppEnv } from '../app-env.ts';
import { readAlertLink } from '../auth/alert-link.ts';
import { leaveAlert, usedAt } from '../store/alert-link-uses.ts';
import { findCostCenter } from '../store/cost-centers.ts';
import { openDatabase } from '../store/database.ts';
import { doRaise, showRaise } from './act-raise.ts';
import { doRequest, showRequest } from './act-request.ts';
import type { Acting, Shown } from './acting.ts';
import { form, linkPage } from './link-page.ts';
import { formLimit, postedForm } from './posted-form.ts';
import { withPages } from './with-pages.ts';

function used(at: string): Shown {
  const body = html`<p>This link was used at ${at}. Each link works once; nothing was changed now.</p>`;
  return { heading: 'This link was used already', body, status: 409 };
}

/** The action of a link that is still good; else a page that says what is wrong with it. */
async function actingOf(context: Context<AppEnv>): Promise<Acting | Shown> {
  const { bindings, requestId } = context.var;
  const link = await readAlertLink(context.req.param('signed') ?? '', bindings.keySecrets);
  if (!link) {
    const body = html`<p>It was altered, cut short on the way, or signed by a secret that is no longer in use. Open it from the alert again.</p>`;
    return { heading: 'This link is not right', body, status: 400 };
  }
  if (link.expires * 1_000 <= Date.now()) {
    const body = html`<p>Links in alerts are good for a limited time. Nothing was changed; the admin API can still do it.</p>`;
    return { heading: 'This link has expired', body, status: 410 };
  }
  const database = openDatabase(bindings.db);
  const at = await usedAt(database, link.id);
  if (at !== null) return used(at);
  const owner = await findCostCenter(database, link.cost_center);
  if (!owner) {
    return {
      heading: 'No such team',
      body: html`<p>There is no ${link.cost_center} any more.</p>`,
      status: 410,
    };
  }
  const authorship = { actor: `link:${link.event}`, requestId, at: new Date().toISOString() };
  const use = { id: link.id, eventId: link.event, costCenter: owner.id, action: link.action };
  return { link, owner, database, bindings, authorship, use };
}

function showLeave({ owner, link }: Acting): Shown {
  const about = link.budget === null ? owner.name : `${link.budget} of ${owner.name}`;
  const body = html`<p>This records that somebody saw the alert about ${about} and leaves it as it is. No limit changes.</p>
${form(html``, 'Leave it')}`;
  return { heading: 'Leave it?', body, status: 200 };
}

async function doLeave({ database, use, authorship }: Acting): Promise<Shown | 'used'> {
  if (!(await leaveAlert(database, use, authorship))) return 'used';
  return { heading: 'Left as it is', body: html`<p>It is noted in the audit log.</p>`, status: 200 };
}

async function show(acting: Acting): Promise<Shown> {
  switch (acting.link.action) {
    case 'raise_until_midnight':
    case 'raise_to':
      return await showRaise(acting);
    case 'approve':
    case 'deny':
      return await showRequest(acting);
    case 'leave':
      return showLeave(acting);
  }
}

async function act(acting: Acting, posted: Record<string, string>): Promise<Shown | 'used'> {
  switch (acting.link.action) {
    case 'raise_until_midnight':
    case 'raise_to':
      return await doRaise(acting, posted);
    case 'approve':
    case 'deny':
      return await doRequest(acting);
    case 'leave':
      return await doLeave(acting);
  }
}

async function answer(context: Context<AppEnv>, isPost: boolean): Promise<Response> {
  const acting = await actingOf(context);
  const reply = async (): Promise<Shown> => {
    if ('heading' in acting) return acting;
    if (!isPost) return await show(acting);
    const done = await act(acting, await postedForm(context));
    if (done !== 'used') return done;
    // Somebody else was faster.
    return used((await usedAt(acting.database, acting.use.id)) ?? acting.authorship.at);
  };
  const { heading, body, status } = await reply();
  return await linkPage(heading, body, { status, requestId: context.var.requestId });
}

export function mountAlertLinks(app: Hono<AppEnv>): void {
  const path = '/alerts/act/:signed';
  app.get(path, (context) => withPages(context, () => answer(context, false)));
  app.post(path, formLimit, (context) => withPages(context, () => answer(context, true)));
}
