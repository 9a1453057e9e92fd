/** Providers that a version names and turns of its cost center cannot go to: told among its warnings, as of now. */
import { z } from 'zod';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { OWN_PROVIDER } from '../../durable-objects/core/provider-settings.ts';
import type { Bindings } from '../bindings.ts';
import type { PolicyVersionRow } from '../store/policy-versions.ts';

/** As much of the document as this is about; one that no longer parses has worse problems. */
const naming = z.object({ allowed_providers: z.array(z.string()).nullish() });

/** One warning a provider that the deployment lacks, or that it has for other cost centers alone. */
export function unknownProviders(
  { costCenter, document }: Pick<PolicyVersionRow, 'costCenter' | 'document'>,
  { providers, ownCredentials }: Pick<Bindings, 'providers' | 'ownCredentials'>,
): PolicyProblem[] {
  const read = naming.safeParse(document);
  const names = read.success ? (read.data.allowed_providers ?? []) : [];
  return names.flatMap((name, index) => {
    if (name === OWN_PROVIDER && ownCredentials) return [];
    const path = `allowed_providers[${index}]`;
    const known = providers.find(({ id }) => id === name);
    if (!known) {
      const ids = providers.map(({ id }) => id).join(', ');
      return [{ path, message: `this deployment has no provider "${name}": it has ${ids}` }];
    }
    if (known.costCenters === null || known.costCenters.includes(costCenter)) return [];
    return [{ path, message: `"${name}" serves other cost centers alone` }];
  });
}
