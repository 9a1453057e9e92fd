/** `/ask/{token}`: where a refused developer sees how their budget stands, and asks for more of it. */
import type { Context, Hono } from 'hono';
import { html } from 'hono/html';
import { formatDollars, nanoUsd } from '../../durable-objects/core/money.ts';
import type { AppEnv } from '../app-env.ts';
import { readAskToken } from '../auth/ask-link.ts';
import { askForIncrease } from '../policy/increase-request.ts';
import { type CostCenter, findCostCenter } from '../store/cost-centers.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { handOver } from '../store/delivery-call.ts';
import { tellGuards } from '../store/guard-call.ts';
import { type IncreaseRequest, listIncreaseRequests, statusAt } from '../store/increase-requests.ts';
import { findKeyById, type VirtualKey } from '../store/virtual-keys.ts';
import type { Shown } from './acting.ts';
import { amountField, facts, form, linkPage, type Markup, problemNote } from './link-page.ts';
import { formLimit, postedForm, readAmount } from './posted-form.ts';
import { resetText, spentText, standingOf } from './shown-standing.ts';
import { withPages } from './with-pages.ts';

const MAX_REASON_LENGTH = 500;

/** A developer at the door: whose key it is, and what for. */
interface Asker {
  key: VirtualKey;
  owner: CostCenter;
  budget: string;
  session: string | null;
  database: Database;
  /** ISO 8601, UTC. */
  at: string;
}

function notRight(heading: string, sentence: string, status: 400 | 410): Shown {
  return { heading, body: html`<p>${sentence}</p>`, status };
}

async function askerOf(context: Context<AppEnv>): Promise<Asker | Shown> {
  const { bindings } = context.var;
  const token = context.req.param('token') ?? '';
  const link = await readAskToken(token, bindings.keySecrets, Date.now());
  if (link === 'altered') {
    return notRight('This link is not right', 'Take the whole link from the message in Claude Code.', 400);
  }
  if (link === 'expired') {
    const sentence = 'It is good for a day. The next refusal has a new one.';
    return notRight('This link has expired', sentence, 410);
  }
  const database = openDatabase(bindings.db);
  const key = await findKeyById(database, link.keyId);
  const owner = key && (await findCostCenter(database, key.costCenter));
  const at = new Date().toISOString();
  const isOver = key !== null && key.expiresAt !== null && key.expiresAt <= at;
  if (!key || !owner || key.revokedAt !== null || !key.enabled || isOver) {
    return notRight('This key is no longer in use', 'Ask whoever gave it to you for a new one.', 410);
  }
  return { key, owner, budget: link.budget, session: link.session, database, at };
}

const STATES = {
  pending: 'waits for an answer',
  approved: 'was approved: go on in Claude Code',
  denied: 'was denied',
  expired: 'was not answered in time',
} as const;

function requestNote(request: IncreaseRequest | null, at: string): Markup {
  if (!request) return html``;
  const amount = formatDollars(nanoUsd(request.approvedNanoUsd ?? request.extraNanoUsd));
  const why = request.resolution === null ? '' : ` (${request.resolution})`;
  return html`<p><strong>Your request for ${amount} more ${STATES[statusAt(request, at)]}${why}.</strong></p>`;
}

async function lastRequest({ key, budget, database, at }: Asker): Promise<IncreaseRequest | null> {
  const filter = { costCenter: key.costCenter, developer: key.developer, budget, status: null };
  const [request] = await listIncreaseRequests(database, filter, at, { after: null, limit: 1 });
  return request ?? null;
}

interface Typed {
  extra_usd?: string;
  reason?: string;
}

async function pageFor(
  context: Context<AppEnv>,
  asker: Asker,
  { status, problem, typed = {} }: { status: Shown['status']; problem: string | null; typed?: Typed },
): Promise<Shown> {
  const { owner, budget, key, session, at } = asker;
  const subjects = [owner.id, key.developer, key.id, ...(session === null ? [] : [session])];
  const standing = await standingOf(context.var.bindings, owner, budget, subjects);
  const request = await lastRequest(asker);
  const isPending = request !== null && statusAt(request, at) === 'pending';
  const fields = html`${amountField('extra_usd', 'How much more, in US dollars', typed.extra_usd ?? '')}
<label for="reason">What for</label>
<textarea id="reason" name="reason" rows="3" maxlength="${MAX_REASON_LENGTH}" required>${typed.reason ?? ''}</textarea>`;
  const manager = owner.managerName ?? owner.managerEmail ?? `whoever manages ${owner.name}`;
  const body = html`${problemNote(problem)}
${facts([
  ['Budget', budget],
  ['Team', owner.name],
  ['Spent', spentText(standing)],
  ['Resets', resetText(standing)],
  ['Answered by', manager],
])}
${requestNote(request, at)}
${isPending ? html`` : form(fields, 'Ask for more')}`;
  return { heading: `Ask for more of ${budget}`, body, status };
}

async function ask(context: Context<AppEnv>, asker: Asker): Promise<Shown> {
  const typed: Typed = await postedForm(context);
  const amount = readAmount('extra_usd', typed.extra_usd);
  const reason = typed.reason ?? '';
  const problems = [
    ...(amount.ok ? [] : [amount.error]),
    ...(reason !== '' && reason.length <= MAX_REASON_LENGTH
      ? []
      : [`reason: expected 1 to ${MAX_REASON_LENGTH} characters.`]),
  ];
  if (!amount.ok || problems.length > 0) {
    return await pageFor(context, asker, { status: 400, problem: problems.join(' '), typed });
  }
  const { key, owner, budget, session, database, at } = asker;
  const { requestId, bindings } = context.var;
  const { developer, id: keyId } = key;
  const asking = { developer, keyId, budget, extraNanoUsd: amount.value, reason, session };
  const authorship = { actor: `key:${keyId}`, requestId, at };
  const asked = await askForIncrease(database, owner, asking, authorship);
  switch (asked.status) {
    case 'invalid': {
      const problem = `${asked.problem.path}: ${asked.problem.message}.`;
      return await pageFor(context, asker, { status: 400, problem, typed });
    }
    case 'pending':
      return await pageFor(context, asker, { status: 409, problem: 'You have asked already.' });
    case 'key_gone':
      return notRight('This key is no longer in use', 'Ask whoever gave it to you for a new one.', 410);
    case 'created':
      if (!(await handOver(bindings, owner, [asked.event]))) {
        console.error({ message: 'an increase request was not handed over', id: asked.request.id });
      }
      await tellGuards(bindings, owner, asked.request, session);
      return await pageFor(context, asker, { status: 201, problem: null });
  }
}

async function answer(context: Context<AppEnv>, isPost: boolean): Promise<Response> {
  const asker = await askerOf(context);
  const reply = async (): Promise<Shown> => {
    if ('heading' in asker) return asker;
    if (isPost) return await ask(context, asker);
    return await pageFor(context, asker, { status: 200, problem: null });
  };
  const { heading, body, status } = await reply();
  return await linkPage(heading, body, { status, requestId: context.var.requestId });
}

export function mountAskPages(app: Hono<AppEnv>): void {
  const path = '/ask/:token';
  app.get(path, (context) => withPages(context, () => answer(context, false)));
  app.post(path, formLimit, (context) => withPages(context, () => answer(context, true)));
}
