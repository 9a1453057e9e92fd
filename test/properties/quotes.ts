/** What the real wallet would hold and charge for each size of turn on each model, asked of it one by one. */
import { ANSWER, openRequest } from '../fixture.ts';
import { dayBudget, openWallet, type Scenario } from '../wallet/scenario.ts';
import { BODY_BYTES, MAX_TOKENS, MODELS } from './commands.ts';
import type { Quote } from './reference-wallet.ts';

/** By size of the body, the quotes of all models, dearest first. */
export async function askQuotes(): Promise<Quote[][]> {
  const expected = await openWallet(dayBudget('5000000'));
  const guaranteed = await openWallet(dayBudget('5000000', { admission: 'guaranteed' }));
  const quotes: Quote[][] = [];
  for (const bodyBytes of BODY_BYTES) {
    const row: Quote[] = [];
    for (const model of MODELS) {
      const facts = { model, bodyBytes };
      const input = await chargeOf(expected, facts, 0);
      row.push({
        model,
        expected: await holdOf(expected, facts),
        ceiling: await holdOf(guaranteed, facts),
        input,
        outputToken: ((await chargeOf(expected, facts, 1_000)) - input) / 1_000,
      });
    }
    quotes.push(row);
  }
  return quotes;
}

let turns = 0;

async function openOne(
  { id, wallet }: Scenario,
  facts: { model: string; bodyBytes: number },
): Promise<string> {
  turns += 1;
  const turnId = `quote-${turns}`;
  await wallet.open(openRequest(id, turnId, turnShape(turnId, facts)));
  return turnId;
}

/** What all turns here have in common: a session of their own, no cache, a bound. */
export function turnShape(session: string, facts: { model: string; bodyBytes: number }) {
  return { ...facts, session, cacheTtl: 'none' as const, maxTokens: MAX_TOKENS };
}

async function holdOf(scenario: Scenario, facts: { model: string; bodyBytes: number }): Promise<number> {
  const turnId = await openOne(scenario, facts);
  const hold = (await scenario.wallet.holds()).find((each) => each.turnId === turnId);
  return hold?.heldNanoUsd ?? Number.NaN;
}

/** The charge of a turn that broke off before its usage was seen, after so many output tokens. */
async function chargeOf(
  scenario: Scenario,
  facts: { model: string; bodyBytes: number },
  outputTokens: number,
): Promise<number> {
  const turnId = await openOne(scenario, facts);
  const progress = { usage: null, outputTokens };
  const outcome = { kind: 'broken_off' as const, why: 'client_gone' as const, progress };
  const reply = await scenario.wallet.settle({ turnId, attempt: 1, outcome, answer: ANSWER });
  return reply.status === 'settled' ? reply.chargedNanoUsd : Number.NaN;
}
