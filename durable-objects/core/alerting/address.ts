/**
 * Addresses that alerts may be sent to: https, to a public host, without credentials. Checked when a destination is
 * configured and again before each request. What a public name resolves to is the platform's to guard: Cloudflare's
 * network has no way from a Worker to private addresses.
 */
import { err, ok, type Result } from '../result.ts';

const LOCAL_NAMES = ['localhost', 'metadata', 'instance-data'];
const LOCAL_SUFFIXES = [
  '.localhost',
  '.local',
  '.internal',
  '.localdomain',
  '.home.arpa',
  '.lan',
  '.intranet',
];
const LOOPBACK_NAMES = /^(?:localhost|.+\.localhost)$/;

/** IPv4 blocks that are not the public internet, as [first address, prefix length]; 169.254/16 holds the metadata services. */
const PRIVATE_BLOCKS: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/**
 * The address, or what was expected in its place (never the address itself: it may be a secret). `allowPrivate`: http
 * and this machine's own addresses too.
 */
export function checkAddress(
  address: string,
  { allowPrivate }: { allowPrivate: boolean },
): Result<URL, string> {
  if (!URL.canParse(address)) return err('expected an https address');
  const url = new URL(address);
  const host = url.hostname.replace(/\.$/, '').toLowerCase();
  if (url.username !== '' || url.password !== '') return err('expected an address without credentials');
  if (allowPrivate && isLoopback(host)) {
    return url.protocol === 'https:' || url.protocol === 'http:'
      ? ok(url)
      : err('expected an https or http address');
  }
  if (url.protocol !== 'https:') return err('expected an https address');
  if (!isPublic(host)) return err('expected an address on the public internet, not a private or local one');
  return ok(url);
}

/** `host` as the URL standard writes it: IPv4 in any notation is four decimal numbers by then. */
function isPublic(host: string): boolean {
  if (host.startsWith('[')) return isPublicV6(toGroups(host.slice(1, -1)));
  const v4 = toV4(host);
  if (v4 !== null) return isPublicV4(v4);
  // A name without a dot is one of the local network.
  if (!host.includes('.') || LOCAL_NAMES.includes(host)) return false;
  return !LOCAL_SUFFIXES.some((suffix) => host.endsWith(suffix));
}

function isLoopback(host: string): boolean {
  const v4 = toV4(host);
  return LOOPBACK_NAMES.test(host) || host === '[::1]' || (v4 !== null && v4 >>> 24 === 127);
}

/** Null where it is no IPv4 address. */
function toV4(host: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
  if (!match) return null;
  return match.slice(1).reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
}

function isPublicV4(address: number): boolean {
  return !PRIVATE_BLOCKS.some(([first, bits]) => {
    const mask = (0xffffffff << (32 - bits)) >>> 0;
    return (address & mask) >>> 0 === ((toV4(first) ?? 0) & mask) >>> 0;
  });
}

/** Eight groups of 16 bits of an address as the URL standard writes it. */
function toGroups(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((each) => Number.parseInt(each, 16));
  if (tail === undefined) return groups(head);
  const [before, after] = [groups(head), groups(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/**
 * Only global unicast (2000::/3) is public, and of that not what carries an IPv4 address (6to4, Teredo) or is for
 * documentation. So mapped, translated (64:ff9b::/96), unique local, link-local and multicast addresses are not.
 */
function isPublicV6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups;
  if (first >> 13 !== 1) return false;
  const isSpecial = first === 0x2001 && (second < 0x200 || second === 0xdb8);
  return !isSpecial && first !== 0x2002 && first !== 0x3fff;
}
