/**
 * The deployment's Ed25519 keys, as the secret `SIGNING_KEYS` gives them: `<generation>:<seed>` or, for a key that only
 * verifies what it signed before, `<generation>:public.<public key>`; comma-separated, newest first. Seeds and public
 * keys are 32 bytes each, in base64url without padding.
 */
import { err, ok, type Result } from './result.ts';

/** A key that signs, or one that was rotated out and verifies what it once signed. */
export type SigningKeyText = { generation: number } & ({ seed: string } | { publicKey: string });

/** The last of 43 characters carries 4 bits of the 32 bytes: its other two are zero. */
const KEY = /^([1-9]\d{0,5}):(public\.)?([\w-]{42}[AEIMQUYcgkosw048])$/;

/** Reads the secret. The first key signs; the error says what was expected and never shows a key. */
export function readSigningKeys(text: string | undefined): Result<SigningKeyText[], string> {
  const expected =
    'SIGNING_KEYS: expected "<generation>:<32 bytes in base64url>", comma-separated, newest first, every generation once';
  const keys: SigningKeyText[] = [];
  for (const part of (text ?? '').split(',')) {
    const match = KEY.exec(part.trim());
    if (!match) return err(expected);
    const [, generation, isPublic, bytes = ''] = match;
    keys.push({ generation: Number(generation), ...(isPublic ? { publicKey: bytes } : { seed: bytes }) });
  }
  const [newest] = keys;
  if (!newest || new Set(keys.map(({ generation }) => generation)).size !== keys.length) return err(expected);
  return 'seed' in newest
    ? ok(keys)
    : err('SIGNING_KEYS: the newest key has to sign, so it needs its seed, not its public key');
}
