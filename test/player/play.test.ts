import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { generateTraffic } from '../traffic/generate.ts';
import { squadsOf } from '../traffic/squads.ts';
import { EstimateErrors } from './estimate-errors.ts';
import { bursar, type Manager, naiveDowngrade, noManagement } from './managers.ts';
import { type Outcome, type PlayOptions, play } from './play.ts';
import { policiesOf, ROUTED_DOCUMENT, SQUAD_DOCUMENT } from './squad-policies.ts';

/** Five working days of the traffic that `npm run bench:policies` plays thirty of. */
const START_MS = Date.UTC(2026, 9, 25);
const DAYS = 6;
const squads = squadsOf(1);

function played(manager: Manager, document: object | null, rest: Partial<PlayOptions> = {}): Outcome {
  return play({
    traffic: generateTraffic({ seed: 1, startMs: START_MS, days: DAYS, squads }),
    manager,
    policyOf: document ? policiesOf(squads, document, START_MS) : () => null,
    catalogue: builtinCatalogue,
    ...rest,
  });
}

const naive = played(naiveDowngrade, SQUAD_DOCUMENT);

describe('on the same days of traffic', () => {
  test('Bursar costs less than a naive downgrade, and refuses no more turns', () => {
    const managed = played(bursar, SQUAD_DOCUMENT);
    expect(managed.costNanoUsd).toBeLessThan(naive.costNanoUsd);
    expect(managed.refused).toBeLessThanOrEqual(naive.refused);
  });

  test('with a route for easy turns it costs much less, and refuses nobody', () => {
    const routed = played(bursar, ROUTED_DOCUMENT);
    expect(routed.costNanoUsd).toBeLessThan(naive.costNanoUsd * 0.95);
    expect(routed.refused).toBe(0);
  });

  test('what is held is within 15 % of what is charged, in the median', () => {
    const errors = new EstimateErrors();
    played(bursar, ROUTED_DOCUMENT, {
      settled: ({ turn, hold }, charged) => {
        if (turn.leftAfter === null) errors.note(turn.kind, hold.expected, charged);
      },
    });
    expect(errors.summary().turns).toBeGreaterThan(20_000);
    expect(errors.summary().median).toBeLessThanOrEqual(0.15);
  });

  test('nobody managing them, every turn is served by the model it asked for', () => {
    const free = played(noManagement, null);
    expect(free).toMatchObject({ refused: 0, steppedDown: 0, switches: 0, postponed: 0 });
    expect(free.costNanoUsd).toBeGreaterThan(naive.costNanoUsd);
  });
});
