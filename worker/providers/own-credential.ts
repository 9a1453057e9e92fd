/**
 * The Anthropic API by a developer's own credential, which passes through as it came: a key, or what they signed in with.
 * Whatever the deployment's own providers are, such a turn goes to Anthropic, for nobody else knows the credential.
 */
import type { ProviderSettings } from '../../durable-objects/core/provider-settings.ts';
import { LIST_MILLIONTHS, OWN_PROVIDER } from '../../durable-objects/core/provider-settings.ts';
import { fingerprint } from './fingerprint.ts';
import { createMessagesMeter } from './messages-meter.ts';
import type { Provider } from './provider.ts';
import { createSimulatorProvider } from './simulator/simulator.ts';

/** The headers a credential is in. */
const CREDENTIALS = ['authorization', 'x-api-key'];
/** A key of Bursar's, which is nobody else's to see, under whatever scheme and beside whatever it stands. */
const OF_BURSAR = /(?:^|[\s,])bk_/i;

/**
 * The upstream for these request headers, which hold the credential; null where they hold none. It is called where the
 * first of the deployment's Anthropic providers is; without any, the simulator answers.
 */
export async function ownCredentialProvider(
  headers: Headers,
  settings: readonly ProviderSettings[],
): Promise<Provider | null> {
  const given = CREDENTIALS.flatMap((name) => {
    const value = headers.get(name);
    return value === null || OF_BURSAR.test(value) ? [] : [[name, value] as const];
  });
  if (given.length === 0) return null;
  const credentialId = await fingerprint(OWN_PROVIDER, given.map(([, value]) => value).join('\n'));
  const url = settings.find(({ kind }) => kind === 'anthropic')?.url;
  const base = { id: OWN_PROVIDER, weight: 1, costCenters: null, priceMillionths: LIST_MILLIONTHS };
  if (!url) return { ...createSimulatorProvider({}, { ...base, onlyModels: null }), credentialId };
  return {
    ...base,
    name: 'anthropic',
    credentialId,
    serves: () => true,
    lacks: () => null,
    send: (request) => {
      // Without the slash the path could continue the host's name and carry the credential elsewhere.
      if (!request.path.startsWith('/')) throw new RangeError(`not a path: ${request.path}`);
      const sent = new Headers(request.headers);
      for (const [name, value] of given) sent.set(name, value);
      sent.set('accept-encoding', 'identity');
      const { method, body, signal } = request;
      // A redirect is the upstream's answer, not a place to take the credential to.
      return fetch(url + request.path, { method, headers: sent, body, redirect: 'manual', signal });
    },
    meter: createMessagesMeter,
  };
}
