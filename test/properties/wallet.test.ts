import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { setClock, useFakeClock } from '../wallet/scenario.ts';
import { type Command, command, override, type PolicyDocument, policy, start } from './commands.ts';
import { expectAdmissionUnderItsLines, expectLedgerToAgree, expectWalletToAgree } from './invariants.ts';
import { createWorld, perform } from './world.ts';

useFakeClock();

declare global {
  namespace Cloudflare {
    interface Env {
      /** Set by `npm run soak`; empty in `npm test`. */
      SOAK_SECONDS: string;
    }
  }
}

/** The property stops drawing after this long; what it has seen by then counts. */
const TIME_LIMIT_MS = env.SOAK_SECONDS === '' ? 20_000 : Number(env.SOAK_SECONDS) * 1_000;
const RUNS = env.SOAK_SECONDS === '' ? 60 : 1_000_000;
const COMMANDS = 40;

async function live(startsAt: string, document: PolicyDocument, commands: readonly Command[]): Promise<void> {
  setClock(startsAt);
  const world = await createWorld(document);
  for (const each of commands) {
    await perform(world, each);
    if (each.do === 'open') expectAdmissionUnderItsLines(world, world.requests.at(-1)?.turnId ?? '');
    await expectWalletToAgree(world);
  }
  await expectLedgerToAgree(world);
}

describe('a wallet', () => {
  test(
    'answers, holds, settles and writes its ledger as the reference wallet does',
    async () => {
      const commands = fc.array(command, { minLength: 5, maxLength: COMMANDS, size: 'max' });
      // Most histories begin with something negotiated: what is agreed on later is in force for few turns.
      const history = fc
        .tuple(fc.array(override, { maxLength: 3, size: 'max' }), commands)
        .map(([agreed, rest]): Command[] => [...agreed, ...rest]);
      const property = fc.asyncProperty(start, policy, history, live);
      // Where it fails, fast-check says the seed, the path and the shortest history it found.
      await fc.assert(property, {
        numRuns: RUNS,
        interruptAfterTimeLimit: TIME_LIMIT_MS,
        markInterruptAsFailure: false,
        includeErrorInReport: true,
      });
    },
    TIME_LIMIT_MS + 60_000,
  );
});
