/**
 * The short link in a refusal: `<generation>.<key id>.<budget>.<expires>[.<session>].<mac>`. It lets whoever holds it
 * ask for more of that budget in the name of the key's developer, and see how the budget stands. Made without asking
 * anybody, because it stands in the answer to a refused turn.
 */

import { fromBase64Url, toBase64Url } from '../../durable-objects/core/base64url.ts';
import { signText } from '../../durable-objects/ledger/sealed.ts';
import type { KeySecret } from '../bindings.ts';

const PURPOSE = 'ask-link';
const VALID_MS = 24 * 3_600_000;
/** 132 bits of the mac: nobody guesses them, and a terminal's line is short. */
const MAC_LENGTH = 22;
const LINK =
  /^([1-9]\d{0,5})\.([ek][0-9a-f]{24})\.([a-z0-9-]{1,63})\.([0-9a-z]{5,8})(?:\.([A-Za-z0-9_-]{1,1100}))?\.([A-Za-z0-9_-]{22})$/;

export interface AskLink {
  keyId: string;
  budget: string;
  /** Of a budget that is counted a session. */
  session: string | null;
}

const encoder = new TextEncoder();

async function macOf(payload: string, secret: KeySecret): Promise<string> {
  const signed = await signText(payload, PURPOSE, secret);
  return signed.slice(signed.lastIndexOf('.') + 1).slice(0, MAC_LENGTH);
}

/** The link's last part, good for a day from `nowMs` (epoch ms). */
export async function askToken(
  { keyId, budget, session }: AskLink,
  [newest]: readonly [KeySecret, ...KeySecret[]],
  nowMs: number,
): Promise<string> {
  const expires = Math.floor((nowMs + VALID_MS) / 1_000).toString(36);
  const parts = [keyId, budget, expires, ...(session === null ? [] : [toBase64Url(encoder.encode(session))])];
  const payload = parts.join('.');
  return `${newest.generation}.${payload}.${await macOf(payload, newest)}`;
}

/** What a link says; `altered` also where its secret is no longer listed. */
export async function readAskToken(
  token: string,
  secrets: readonly KeySecret[],
  nowMs: number,
): Promise<AskLink | 'altered' | 'expired'> {
  const [, generation, keyId, budget, expires, encoded, mac] = LINK.exec(token) ?? [];
  const secret = secrets.find((each) => String(each.generation) === generation);
  if (!secret || !keyId || !budget || !expires || !mac) return 'altered';
  const payload = token.slice(token.indexOf('.') + 1, token.lastIndexOf('.'));
  const expected = await macOf(payload, secret);
  if (!crypto.subtle.timingSafeEqual(encoder.encode(mac), encoder.encode(expected))) return 'altered';
  const bytes = encoded === undefined ? null : fromBase64Url(encoded);
  const session = bytes && new TextDecoder().decode(bytes);
  return Number.parseInt(expires, 36) * 1_000 <= nowMs ? 'expired' : { keyId, budget, session };
}
