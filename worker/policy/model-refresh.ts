/**
 * Refreshes what is known of models from the upstream's Models API. Only lifecycles and dates of retirement are
 * acted on (wallets pull them); limits and capabilities that contradict the built-in catalogue are logged for an
 * engineer and change nothing. Where the key may not ask, or nobody answers, everything stays as it was.
 */
import { contradictionsOf } from '../../durable-objects/core/catalogue/contradictions.ts';
import { asOf } from '../../durable-objects/core/catalogue/lifecycles.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { Bindings } from '../bindings.ts';
import { listModels } from '../providers/models-api.ts';
import type { Provider } from '../providers/provider.ts';
import { openDatabase } from '../store/database.ts';
import { saveSeenModels } from '../store/model-lifecycles.ts';

/** Who changes revisions here, as the audit log calls it. */
const ACTOR = 'schedule';

/** True where a model turned, so that wallets have something to pull. Rejects where D1 is away. */
export async function refreshModels(
  provider: Provider,
  bindings: Pick<Bindings, 'db' | 'anthropicVersion'>,
  nowMs: number,
): Promise<boolean> {
  const listed = await listModels(provider, bindings.anthropicVersion);
  if (!listed.ok) {
    console.warn({ message: 'the models could not be refreshed', provider: provider.name, ...listed.error });
    return false;
  }
  const seen = listed.value.map((model) => asOf(model, nowMs));
  const at = new Date(nowMs).toISOString();
  const authorship = { actor: ACTOR, requestId: `schedule_${crypto.randomUUID()}`, at };
  const saved = await saveSeenModels(openDatabase(bindings.db), seen, authorship);
  // An hourly run that writes nothing has nothing new to say either.
  if (saved.written) logContradictions(contradictionsOf(builtinCatalogue, seen));
  if (saved.turned.length > 0)
    console.info({ message: 'models turned active, deprecated or retired', models: saved.turned });
  return saved.turned.length > 0;
}

function logContradictions(contradictions: ReturnType<typeof contradictionsOf>): void {
  if (contradictions.length === 0) return;
  console.warn({ message: 'the Models API contradicts the built-in catalogue', contradictions });
}
