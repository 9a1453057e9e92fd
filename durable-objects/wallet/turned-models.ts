/**
 * Tells of models that turned deprecated or retired while the live policy sends turns to them.
 *
 * The event is written in the transaction that takes up the news, from what the copy before did not say: so each
 * change is told exactly once, whoever caused the pull and however often a pull is repeated. A policy that is put
 * live with such a model in it is not told of here: whoever did that was warned in the answer.
 */
import { changedLifecycles, lifecycleOf, type ModelLifecycle } from '../core/catalogue/lifecycles.ts';
import { findModel } from '../core/catalogue/lookup.ts';
import { namedModels } from '../core/policy/retirement.ts';
import type { Alerts } from './alerts.ts';
import { type Configuration, policyInForce } from './configuration.ts';

/** A date that was taken back, or that passed without a retirement, is no news to act on. */
function isToTell(said: ModelLifecycle, before: readonly ModelLifecycle[]): boolean {
  if (said.lifecycle === 'active') return false;
  const old = before.find((each) => each.model === said.model);
  return old?.lifecycle !== said.lifecycle || (said.lifecycle === 'deprecated' && said.retiresAtMs !== null);
}

/** Writes one `model_retiring` event a model. Call inside the transaction in which `after` takes `before`'s place. */
export function tellTurnedModels(
  alerts: Alerts,
  before: Configuration,
  after: Configuration,
  nowMs: number,
): void {
  const { catalogue, archived, costCenter } = after;
  const policy = policyInForce(after, nowMs, null);
  if (!policy || archived) return;
  const turned = changedLifecycles(before.lifecycles, after.lifecycles).filter((each) =>
    isToTell(each, before.lifecycles),
  );
  if (turned.length === 0) return;
  const named = Map.groupBy(namedModels(policy.policy), ({ name }) => name);
  const turn = { costCenter, turnId: null, session: null, developer: null, policyVersion: policy.version };
  for (const [name, places] of named) {
    const model = findModel(catalogue, name);
    const said = model && lifecycleOf(catalogue, after.lifecycles, model);
    if (!said || !turned.includes(said)) continue;
    const facts = {
      model: name,
      lifecycle: said.lifecycle,
      retires_at: said.retiresAtMs === null ? null : new Date(said.retiresAtMs).toISOString(),
      paths: places.map(({ path }) => path),
    };
    alerts.tellOnce('model_retiring', name, turn, facts, nowMs);
  }
}
