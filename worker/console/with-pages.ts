/** For people who follow a link: a database that is away is told as a page too. */
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { AppEnv } from '../app-env.ts';
import { isDatabaseAway } from '../store/database.ts';
import { linkPage } from './link-page.ts';

export async function withPages(
  context: Context<AppEnv>,
  handle: () => Promise<Response>,
): Promise<Response> {
  try {
    return await handle();
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
    const { requestId } = context.var;
    console.error({ message: 'D1 did not answer', requestId, error: String(error) });
    const body = html`<p>The database cannot be reached right now. Nothing was changed; try again in a moment.</p>`;
    return await linkPage('Try again in a moment', body, { status: 503, requestId });
  }
}
