/** Does each command to the real wallet and to the reference, and compares what both say. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import type { OpenReply, OpenRequest, SettleRequest } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER, createCostCenter, freshCostCenter, insertKey, openRequest, walletStub } from '../fixture.ts';
import { change, changePolicy, passTime, type Scenario } from '../wallet/scenario.ts';
import { reopenTurn } from './attempts.ts';
import { sameWindow, windowEnd } from './calendar.ts';
import {
  BODY_BYTES,
  type Command,
  type CommandThat,
  MAX_TOKENS,
  PEOPLE,
  type PolicyDocument,
} from './commands.ts';
import { Histories } from './histories.ts';
import { expectReply } from './invariants.ts';
import { Negotiations } from './negotiations.ts';
import { pick } from './picked.ts';
import { dearestOf, quotesFor } from './quotes.ts';
import type { Ask } from './reference-turn.ts';
import { ReferenceWallet } from './reference-wallet.ts';
import { renewTurn, settleBoth, settleTurn } from './reports.ts';
import { rulesOf } from './rules.ts';

export interface World extends Scenario {
  reference: ReferenceWallet;
  histories: Histories;
  negotiations: Negotiations;
  /** In the order they were opened. */
  requests: OpenRequest[];
  /** What was decided last over each turn. */
  replies: Map<string, OpenReply>;
  settlements: Map<string, SettleRequest>;
  /** No limit was lowered or raised since the first turn. */
  policyIsFirst: boolean;
}

export async function createWorld(policy: PolicyDocument): Promise<World> {
  const id = freshCostCenter();
  await createCostCenter(id, policy, { id: keyOf(id, 0), developer: PEOPLE[0] });
  const scenario = { id, wallet: walletStub(id) };
  const negotiations = await Negotiations.begin(scenario);
  const others = PEOPLE.slice(1).map((developer, index) => insertKey(id, keyOf(id, index + 1), developer, 0));
  await change(scenario, ...others);
  return {
    ...scenario,
    reference: new ReferenceWallet(id, rulesOf(policy), { sameWindow, windowEnd }),
    histories: new Histories(),
    negotiations,
    requests: [],
    replies: new Map(),
    settlements: new Map(),
    policyIsFirst: true,
  };
}

function keyOf(id: string, who: number): string {
  return `${id}-key-${who}`;
}

/** Does one command, and tells the reference what prices the wallet has heard of by then. */
export async function perform(world: World, command: Command): Promise<void> {
  await act(world, command);
  world.reference.overrides = await world.negotiations.heard();
}

async function act(world: World, command: Command): Promise<void> {
  switch (command.do) {
    case 'open':
      return await openNew(world, command);
    case 'settle':
      return await settleTurn(world, command);
    case 'reopen':
      return await reopenTurn(world, command, pick(world, command.turn));
    case 'renew':
      return await renewTurn(world, command);
    case 'again':
      return await repeat(world, command);
    case 'time':
      return passTime(command.ms);
    case 'alarm':
      return await runAlarm(world);
    case 'run_out':
      passTime(31_000);
      return await runAlarm(world);
    case 'evict':
      return await evictDurableObject(world.wallet);
    case 'end_hold':
      return await endHold(world, command.turn);
    case 'give_up':
      return await giveUp(world, command.who);
    case 'policy':
      world.policyIsFirst = false;
      world.reference.rules = rulesOf(command.policy);
      return await changePolicy(world, command.policy);
    case 'raise':
      return await raise(world, command);
    case 'end_raises':
      return await endRaises(world);
    case 'override':
      return await world.negotiations.agree(command);
    case 'end_override':
      return await world.negotiations.end(command);
    case 'key':
      return await changeKey(world, command.who, command.problem);
  }
}

function requestOf(world: World, command: CommandThat<'open'>): OpenRequest {
  const { who, model, size, bounded, session, agent, geo, dearest } = command;
  const turnId = `${world.id}-${world.requests.length}`;
  const facts = {
    model,
    session,
    agent,
    kind: agent === null ? ('main' as const) : ('subagent' as const),
    bodyBytes: BODY_BYTES[size] ?? 0,
    cacheTtl: 'none' as const,
    modifiers: {
      speed: null,
      inferenceGeo: geo,
      // As the edge does: where all providers take list prices nothing is said.
      ...(dearest === 1_000_000 ? {} : { providerMillionths: dearest }),
    },
    maxTokens: MAX_TOKENS,
    unbounded: bounded ? [] : ['url_input'],
  };
  return { ...openRequest(world.id, turnId, facts), keyId: keyOf(world.id, who) };
}

function askOf({ histories, reference }: World, request: OpenRequest): Ask {
  const { facts, keyId, turnId } = request;
  const nowMs = reference.now(Date.now());
  const { session, model } = facts;
  if (reference.sessions.since(session, nowMs) === null) histories.forget(session);
  const thread = `${session} ${facts.agent}`;
  const quotes = quotesFor(facts, histories.of(thread), reference.overrides, nowMs);
  const developer = PEOPLE[Number(keyId.at(-1))] ?? '';
  const geo = facts.modifiers.inferenceGeo === 'us' ? 'us' : null;
  const content = JSON.stringify(request);
  const dearest = dearestOf(facts);
  return { turnId, keyId, developer, session, thread, content, quotes, model, geo, dearest };
}

async function openNew(world: World, command: CommandThat<'open'>): Promise<void> {
  const request = requestOf(world, command);
  world.requests.push(request);
  const reply = await openBoth(world, request);
  if (reply.status === 'admitted' || reply.status === 'refused') world.replies.set(request.turnId, reply);
}

/** Opens, compares, and checks that an admission passed no pause line. */
async function openBoth(world: World, request: OpenRequest): Promise<OpenReply> {
  const ask = askOf(world, request);
  const expected = world.reference.open(ask, Date.now());
  const reply = await world.wallet.open(request);
  expectReply(world, request.turnId, expected, reply);
  return reply;
}

/** The same open or settlement once more, or another one under the same id. */
async function repeat(world: World, { turn: back, other }: CommandThat<'again'>): Promise<void> {
  const picked = pick(world, back);
  if (!picked?.turn) return;
  const { request } = picked;
  const { facts } = request;
  await openBoth(
    world,
    other ? { ...request, facts: { ...facts, messageCount: facts.messageCount + 1 } } : request,
  );
  const settled = world.settlements.get(request.turnId);
  if (!settled || !picked.turn.report) return;
  const answer = { ...settled.answer, ...(other ? { responseBytes: 7 } : {}) };
  await settleBoth(world, { ...settled, answer }, null);
}

async function runAlarm(world: World): Promise<void> {
  const hasWork = [...world.reference.turns.values()].some((turn) => turn.state === 'open');
  world.reference.runLeases(Date.now());
  const wasSet = await runDurableObjectAlarm(world.wallet);
  if (hasWork) expect(wasSet, 'an alarm stands while turns are open').toBe(true);
}

async function endHold(world: World, back: number): Promise<void> {
  const picked = pick(world, back);
  if (!picked) return;
  const { turnId } = picked.request;
  const expected = world.reference.endHold(turnId, Date.now());
  expect(await world.wallet.endHold(turnId, 'a test')).toBe(expected);
}

async function giveUp(world: World, who: number): Promise<void> {
  const shape = {
    model: 'claude-opus-5-5',
    size: 0,
    bounded: true,
    session: 'red',
    agent: null,
    geo: null,
    dearest: 1_000_000,
  } as const;
  const request = requestOf(world, { do: 'open', who, ...shape });
  world.requests.push(request);
  const settlement = {
    turnId: request.turnId,
    attempt: 1,
    outcome: { kind: 'failed' as const },
    answer: ANSWER,
  };
  world.settlements.set(request.turnId, settlement);
  world.reference.giveUp(askOf(world, request), JSON.stringify(settlement), Date.now());
  expect(await world.wallet.settle(settlement)).toEqual({ status: 'settled', chargedNanoUsd: 0 });
  await openBoth(world, request);
}

async function raise(world: World, command: CommandThat<'raise'>): Promise<void> {
  const { budget: index, single, extraUsd, lastsMs } = command;
  const { reference, id } = world;
  const budget = reference.rules.budgets[index % reference.rules.budgets.length];
  if (!budget) return;
  world.policyIsFirst = false;
  const subject = single ? PEOPLE[2] : null;
  const untilMs = reference.now(Date.now()) + lastsMs;
  const extra = Math.round(extraUsd * 1e9);
  reference.raises.push({ budget: budget.id, subject, extra, untilMs });
  const insert = `INSERT INTO raises (id, cost_center, budget, subject, extra_nano_usd, until, reason, revision, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, 'a test', (SELECT revision FROM cost_centers WHERE id = ?2), '', '')`;
  const until = new Date(untilMs).toISOString();
  const raiseId = `${id}-${reference.raises.length}`;
  await change(world, env.DB.prepare(insert).bind(raiseId, id, budget.id, subject, extra, until));
}

async function endRaises(world: World): Promise<void> {
  const { reference, id } = world;
  // Ended is ended: a clock that goes back afterwards brings none of them back.
  for (const each of reference.raises) each.untilMs = Number.NEGATIVE_INFINITY;
  const end = `UPDATE raises SET ended_at = '2035-01-01T00:00:00.000Z',
    revision = (SELECT revision FROM cost_centers WHERE id = ?1) WHERE cost_center = ?1 AND ended_at IS NULL`;
  await change(world, env.DB.prepare(end).bind(id));
}

async function changeKey(world: World, who: number, problem: 'revoked' | 'disabled' | null): Promise<void> {
  const keyId = keyOf(world.id, who);
  world.reference.keyProblems.set(keyId, problem);
  const update = 'UPDATE virtual_keys SET revoked_at = ?, enabled = ? WHERE id = ?';
  const revokedAt = problem === 'revoked' ? '2035-01-01T00:00:00.000Z' : null;
  await change(world, env.DB.prepare(update).bind(revokedAt, problem === 'disabled' ? 0 : 1, keyId));
}
