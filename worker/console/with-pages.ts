/** For people who follow a link: a database that is away, or an audit log that is busy, is told as a page too. */
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { AppEnv } from '../app-env.ts';
import { AuditChainBusy } from '../store/audit-chain.ts';
import { isDatabaseAway } from '../store/database.ts';
import { linkPage } from './link-page.ts';

export async function withPages(
  context: Context<AppEnv>,
  handle: () => Promise<Response>,
): Promise<Response> {
  try {
    return await handle();
  } catch (error) {
    const isBusy = error instanceof AuditChainBusy;
    if (!isBusy && !isDatabaseAway(error)) throw error;
    const { requestId } = context.var;
    const message = isBusy ? 'the audit chain is busy' : 'D1 did not answer';
    console.error({ message, requestId, error: String(error) });
    const why = isBusy ? 'The audit log is busy' : 'The database cannot be reached';
    const body = html`<p>${why} right now. Nothing was changed; try again in a moment.</p>`;
    return await linkPage('Try again in a moment', body, { status: 503, requestId });
  }
}
