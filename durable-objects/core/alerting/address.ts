/** Whether messages may go to an address: https, on the public internet. The sender asks again before each request. */
import { err, ok, type Result } from '../result.ts';

const MAX_URL_LENGTH = 2_048;

/** Names that never leave a machine or a network, and those of clouds' metadata services. */
const PRIVATE_NAMES =
  /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|private|localdomain|home\.arpa|test|invalid|onion)$/;

/** [network, bits] of IPv4 ranges that are no public destination. */
const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

function ipv4Number(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function isPrivateIpv4(host: string): boolean {
  const address = ipv4Number(host);
  return PRIVATE_IPV4.some(([network, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor(ipv4Number(network) / size);
  });
}

/**
 * The URL where messages may be sent to it; else what was expected. `allowPrivate`: also http and this machine, for
 * trying things out.
 */
export function checkAddress(url: string, { allowPrivate }: { allowPrivate: boolean }): Result<URL, string> {
  if (url.length > MAX_URL_LENGTH || !URL.canParse(url)) return err('expected an https address');
  const parsed = new URL(url);
  if (parsed.username !== '' || parsed.password !== '') return err('expected an address without credentials');
  if (allowPrivate && /^https?:$/.test(parsed.protocol)) return ok(parsed);
  if (parsed.protocol !== 'https:') return err('expected an https address');
  const host = parsed.hostname.replace(/\.$/, '');
  const isIpv4 = /^\d+\.\d+\.\d+\.\d+$/.test(host);
  // URLs of services have names; an IPv6 literal is none, and has too many ways to write a private address.
  const isPrivate = host.startsWith('[') || (isIpv4 ? isPrivateIpv4(host) : PRIVATE_NAMES.test(host));
  if (isPrivate || (!isIpv4 && !host.includes('.'))) {
    return err('expected an address on the public internet, not a private, local or metadata one');
  }
  return ok(parsed);
}
