/** The credential a provider calls its API with, read from the secret it names. Errors never hold a value. */
import { err, ok, type Result } from './result.ts';

export type ProviderCredential =
  | { kind: 'api_key'; apiKey: string }
  /** Signature Version 4; `sessionToken` null: of keys that are not temporary. */
  | { kind: 'sigv4'; accessKeyId: string; secretAccessKey: string; sessionToken: string | null };

const AWS_KEYS = /^([A-Z0-9]{16,128}):([A-Za-z0-9/+=]{16,128})(?::(\S{16,}))?$/;
/** What an HTTP header can hold in one word. A colon stands in no API key: it would be AWS keys with a mistake. */
const API_KEY = /^[\x21-\x39\x3b-\x7e]+$/;

/** `value` is the secret's text; `isAws`: a pair of AWS keys is taken too. */
export function readCredential(value: unknown, isAws: boolean): Result<ProviderCredential, string> {
  if (typeof value !== 'string' || value.trim() === '') return err('there is none');
  const text = value.trim();
  const [, accessKeyId, secretAccessKey, sessionToken = null] = isAws ? (AWS_KEYS.exec(text) ?? []) : [];
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return ok({ kind: 'sigv4', accessKeyId, secretAccessKey, sessionToken });
  }
  if (API_KEY.test(text)) return ok({ kind: 'api_key', apiKey: text });
  return err(
    isAws
      ? 'its text is neither a Bedrock API key nor "<access key id>:<secret access key>" with ":<session token>" for temporary keys'
      : 'its text is no API key: one word without a colon',
  );
}
