import { describe, expect, test } from 'vitest';
import type { Provider } from '../../worker/providers/provider.ts';
import { noteAsked, noteFailure, noteWell, restOf } from '../../worker/turn/breaker.ts';

const NOW = Date.UTC(2026, 10, 23, 12);

/** Circuits are kept by the object alone. */
function provider(): Provider {
  return {} as Provider;
}

describe('a circuit', () => {
  test('opens for ten seconds with the third failure in a row, and closes with an answer', () => {
    const failing = provider();
    for (const _ of [1, 2]) noteFailure(failing, 'opus', null, NOW);
    expect(restOf(failing, 'opus', NOW)).toBeNull();
    noteFailure(failing, 'opus', null, NOW);
    expect(restOf(failing, 'opus', NOW + 9_999)).toEqual({ why: 'broken', untilMs: NOW + 10_000 });
    expect(restOf(failing, 'sonnet', NOW)).toBeNull();
    expect(restOf(failing, 'opus', NOW + 10_000)).toBeNull();
    noteWell(failing, 'opus');
    noteFailure(failing, 'opus', null, NOW + 10_000);
    expect(restOf(failing, 'opus', NOW + 10_000)).toBeNull();
  });

  test('that is half open lets one turn try, and another one where nothing is heard of that', () => {
    const failing = provider();
    noteFailure(failing, 'opus', 1_000, NOW);
    noteAsked(failing, 'opus', NOW + 1_000);
    expect(restOf(failing, 'opus', NOW + 1_000)).toEqual({ why: 'broken', untilMs: NOW + 6_000 });
    expect(restOf(failing, 'opus', NOW + 6_000)).toBeNull();
  });

  test('believes no more than five minutes of what a provider asks for', () => {
    const asking = provider();
    noteFailure(asking, 'opus', 86_400_000, NOW);
    expect(restOf(asking, 'opus', NOW)).toEqual({ why: 'asked', untilMs: NOW + 300_000 });
  });

  test('is forgotten where clients name ever new models', () => {
    const failing = provider();
    for (let model = 0; model <= 200; model += 1) noteFailure(failing, `model-${model}`, 60_000, NOW);
    expect(restOf(failing, 'model-0', NOW)).toBeNull();
    expect(restOf(failing, 'model-200', NOW)).not.toBeNull();
  });
});
