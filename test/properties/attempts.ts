/** Attempts that come to nothing in a random history, and what is decided anew after them. */
import type { ReopenCause } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER } from '../fixture.ts';
import { takenBy, unseenCost } from './answers.ts';
import type { CommandThat } from './commands.ts';
import { expectAdmissionUnderItsLines, expectReply } from './invariants.ts';
import { attemptOf, type Picked } from './picked.ts';
import { quotesFor } from './quotes.ts';
import type { World } from './world.ts';

/** Reports an attempt that came to nothing to both wallets, and compares what they decide. */
export async function reopenTurn(
  world: World,
  { cause: kind, isStale, provider }: CommandThat<'reopen'>,
  picked: Picked | null,
): Promise<void> {
  if (!picked) return;
  const { request, turn } = picked;
  const { turnId, facts } = request;
  const { reference, histories } = world;
  const nowMs = reference.now(Date.now());
  const attempt = attemptOf(turn, isStale);
  const billed = kind === 'billed' ? unseenCost(turn, 0, provider) : null;
  const quotes = quotesFor(
    facts,
    histories.of(`${facts.session} ${facts.agent}`),
    reference.overrides,
    nowMs,
  );
  const settings = { billed, holdsOn: kind === 'providers_exhausted' };
  const expected = reference.reopen({ turnId, attempt }, settings, quotes, Date.now());
  const millionths = Number(takenBy(turn, provider));
  const reply = await world.wallet.reopen({ turnId, attempt, cause: causeOf(kind, millionths) });
  expectReply(world, turnId, expected, reply);
  if (expected.status !== 'admitted' && expected.status !== 'refused') return;
  world.replies.set(turnId, reply);
  expectAdmissionUnderItsLines(world, turnId);
}

function causeOf(kind: CommandThat<'reopen'>['cause'], priceMillionths: number): ReopenCause {
  switch (kind) {
    case 'model_refused':
      return { kind, remember: false };
    case 'providers_exhausted':
      return { kind };
    case 'billed': {
      const progress = { usage: null, outputTokens: 0 };
      const outcome = { kind: 'broken_off' as const, why: 'first_byte_late' as const, progress };
      return { kind, outcome, answer: { ...ANSWER, priceMillionths } };
    }
  }
}
