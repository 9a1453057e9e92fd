/** Checks a request's Signature Version 4 with AWS's own signer, from what arrived: nothing of the project's signs here. */
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
/** What a signature has to cover. */
const ALWAYS_SIGNED = ['host', 'x-amz-date'];
const MAX_SKEW_MS = 5 * 60_000;

/** Null where the signature is right; else what is wrong with it, as the service would say. */
export async function signatureProblem(
  request: { method: string; url: string; headers: Headers; body: Uint8Array },
  keys: AwsKeys,
  { service, region }: { service: string; region: string },
): Promise<string | null> {
  const match = AUTHORIZATION.exec(request.headers.get('authorization') ?? '');
  if (!match) return 'Missing Authentication Token';
  const [, accessKeyId, , signedRegion, signedService, names = ''] = match;
  if (accessKeyId !== keys.accessKeyId) return 'The security token included in the request is invalid.';
  if (signedService !== service) return `Credential should be scoped to correct service: '${service}'.`;
  if (signedRegion !== region) return `Credential should be scoped to a valid region.`;
  const signed = names.split(';');
  if (!ALWAYS_SIGNED.every((name) => signed.includes(name))) return 'host and x-amz-date must be signed.';
  if (keys.sessionToken !== undefined) {
    if (request.headers.get('x-amz-security-token') !== keys.sessionToken) {
      return 'The security token included in the request is invalid.';
    }
    if (!signed.includes('x-amz-security-token')) return 'x-amz-security-token must be signed.';
  }
  const signingDate = dateOf(request.headers.get('x-amz-date') ?? '');
  if (signingDate === null || Math.abs(Date.now() - signingDate.getTime()) > MAX_SKEW_MS) {
    return 'Signature expired.';
  }
  const again = await signAgain(request, signed, keys, { service, region, signingDate });
  return again === request.headers.get('authorization')
    ? null
    : 'The request signature we calculated does not match the signature you provided.';
}

function dateOf(text: string): Date | null {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second] = match;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** The authorization that AWS's signer makes of the same request. */
async function signAgain(
  { method, url, headers, body }: Parameters<typeof signatureProblem>[0],
  signed: readonly string[],
  keys: AwsKeys,
  { service, region, signingDate }: { service: string; region: string; signingDate: Date },
): Promise<string | undefined> {
  const { host, hostname, pathname, searchParams, protocol } = new URL(url);
  const signer = new SignatureV4({
    credentials: { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey },
    region,
    service,
    sha256: Sha256,
    applyChecksum: false,
  });
  const values = signed.map((name) => [name, name === 'host' ? host : (headers.get(name) ?? '')]);
  const request = {
    method,
    protocol,
    hostname,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: Object.fromEntries(values),
    body,
  };
  const again = await signer.sign(request, { signingDate, signableHeaders: new Set(signed) });
  return again.headers.authorization;
}
