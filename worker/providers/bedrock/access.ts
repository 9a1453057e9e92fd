/** How a Bedrock provider proves who it is: Signature Version 4, or a Bedrock API key as Bearer. */
import { AwsV4Signer } from 'aws4fetch';
import type { ProviderCredential } from '../../../durable-objects/core/provider-credential.ts';
import { fingerprint } from '../fingerprint.ts';

/** The name AWS knows each endpoint by. */
export type AwsService = 'bedrock' | 'bedrock-mantle';

export interface Access {
  service: AwsService;
  region: string;
  credential: ProviderCredential;
  /** Signing keys of the days this isolate has seen. */
  signingKeys: Map<string, ArrayBuffer>;
}

/** `bedrock-3fa9c1d2`, of the API key, or of the access key's id, which is no secret but nobody's to read either. */
export async function credentialId(credential: ProviderCredential): Promise<string> {
  const named = credential.kind === 'api_key' ? credential.apiKey : credential.accessKeyId;
  return await fingerprint('bedrock', named);
}

/** The headers to send with this very body, authorization among them. What is in `headers` is signed. */
export async function authorized(
  access: Access,
  url: string,
  headers: Headers,
  body: Uint8Array,
): Promise<Headers> {
  const sent = await proven(access, url, headers, body);
  // Not signed: the platform may have its own say in it. The answer's bytes have to be readable as they pass.
  sent.set('accept-encoding', 'identity');
  return sent;
}

async function proven(
  { service, region, credential, signingKeys }: Access,
  url: string,
  headers: Headers,
  body: Uint8Array,
): Promise<Headers> {
  if (credential.kind === 'api_key') {
    const sent = new Headers(headers);
    sent.set('authorization', `Bearer ${credential.apiKey}`);
    return sent;
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credential;
  const signer = new AwsV4Signer({
    method: 'POST',
    url,
    headers,
    body,
    service,
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === null ? {} : { sessionToken }),
    cache: signingKeys,
  });
  return (await signer.sign()).headers;
}
