/** A file of the admin API, as its bytes came. */
import { env } from 'cloudflare:workers';
import { request } from './admin-calls.ts';

export interface Download {
  text: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
  headers: Headers;
}

/** Throws where the answer is no 200. */
export async function download(path: string): Promise<Download> {
  const response = await request(path, { headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` } });
  const body = await response.arrayBuffer();
  const text = new TextDecoder().decode(body);
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { text, bytes: body.byteLength, sha256, headers: response.headers };
}
