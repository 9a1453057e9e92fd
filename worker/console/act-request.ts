/** Answering an increase request from an alert. */
import { html } from 'hono/html';
import { formatDollars, nanoUsd } from '../../durable-objects/core/money.ts';
import { approve, closedMeanwhile, closedSentence } from '../policy/increase-request.ts';
import {
  denyIncreaseRequest,
  findIncreaseRequest,
  type IncreaseRequest,
} from '../store/increase-requests.ts';
import { isInForce } from '../turn/raise-in-force.ts';
import type { Acting, Shown } from './acting.ts';
import { facts, form, type Markup } from './link-page.ts';
import { spentText, standingOf } from './shown-standing.ts';

function closed(message: string): Shown {
  const body = html`<p>${message.charAt(0).toUpperCase()}${message.slice(1)}. Nothing was changed now.</p>`;
  return { heading: 'Already answered', body, status: 409 };
}

/** The request that the link is about; else a page that says what became of it. */
async function requestOf({ link, database, owner, authorship }: Acting): Promise<IncreaseRequest | Shown> {
  const request = link.request === null ? null : await findIncreaseRequest(database, link.request);
  if (!request || request.costCenter !== owner.id) {
    const body = html`<p>The request that this link was for does not exist.</p>`;
    return { heading: 'No such request', body, status: 410 };
  }
  const message = closedSentence(request, authorship.at);
  return message === null ? request : closed(message);
}

function factsOf(request: IncreaseRequest, spent: string | null, { owner }: Acting): Markup {
  return facts([
    ['Team', owner.name],
    ['Asked by', request.developer],
    ['Budget', request.budget],
    ['Spent', spent],
    ['More', formatDollars(nanoUsd(request.extraNanoUsd))],
    ['Why', request.reason],
  ]);
}

export async function showRequest(acting: Acting): Promise<Shown> {
  const request = await requestOf(acting);
  if ('heading' in request) return request;
  const { owner, bindings, link } = acting;
  const standing = await standingOf(bindings, owner, request.budget, [request.subject ?? owner.id]);
  const isApproval = link.action === 'approve';
  const effect = isApproval
    ? 'Approving raises the budget by that much until its window ends.'
    : 'Denying changes nothing but the request; the developer can ask again.';
  const button = isApproval ? 'Approve' : 'Deny';
  const body = html`${factsOf(request, spentText(standing), acting)}
<p>Nothing has changed yet. ${effect}</p>
${form(html``, button)}`;
  return { heading: `${button} this request?`, body, status: 200 };
}

async function approved(acting: Acting, request: IncreaseRequest): Promise<Shown> {
  const { database, owner, authorship, use, bindings } = acting;
  const terms = { extraNanoUsd: null, until: null, resolution: null, link: use };
  const outcome = await approve(database, owner, request, terms, authorship);
  if (outcome.status === 'closed') return closed(outcome.message);
  if (outcome.status === 'invalid') {
    return { heading: 'Not approved', body: html`<p>${outcome.problem.message}.</p>`, status: 409 };
  }
  const isTold = await isInForce(bindings, owner, outcome.raise);
  const effect = isTold
    ? 'The next turn passes.'
    : 'The wallet has not confirmed it yet and takes it up within minutes. There is nothing to repeat.';
  const body = html`${factsOf(outcome.request, null, acting)}<p>${effect}</p>`;
  return { heading: 'Approved', body, status: isTold ? 200 : 503 };
}

export async function doRequest(acting: Acting): Promise<Shown> {
  const request = await requestOf(acting);
  if ('heading' in request) return request;
  if (acting.link.action === 'approve') return await approved(acting, request);
  const { database, authorship, use } = acting;
  const answer = { resolution: null, link: use };
  const denied = await denyIncreaseRequest(database, request, answer, authorship);
  if (!denied) return closed(await closedMeanwhile(database, request, authorship.at));
  return { heading: 'Denied', body: factsOf(denied, null, acting), status: 200 };
}
